// gopcua's client pays visits to the server: a line of standard input says how, a line of JSON what came of it.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gopcua/opcua"
	"github.com/gopcua/opcua/ua"
)

const uri = "urn:foreign-gopcua"

type application struct {
	endpoint, folder string
	key              *rsa.PrivateKey
	certificate      []byte
}

type result struct {
	Read     any    `json:"read"`
	Browsed  bool   `json:"browsed"`
	Setpoint string `json:"setpoint"`
	Gain     string `json:"gain"`
	Changes  int    `json:"changes"`
	ReadLast any    `json:"readLast"`
	Lost     int    `json:"lost"`
}

func main() {
	app := application{endpoint: os.Args[1], folder: os.Args[2]}
	app.certify()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		go func() {
			var shown any
			shown, err := app.visit(words[1], words[2], words[3], words[4], words[5], words[6])
			if err != nil {
				shown = map[string]string{"error": err.Error()}
			}
			text, _ := json.Marshal(shown)
			fmt.Printf("RESULT %s %s\n", words[0], text)
		}()
	}
}

// certify makes the client's own certificate, as this library leaves it to its users.
func (app *application) certify() {
	app.key = must(rsa.GenerateKey(rand.Reader, 2048))
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "foreign-gopcua"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature |
			x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{must(url.Parse(uri))},
		DNSNames:              []string{"localhost"},
	}
	app.certificate = must(x509.CreateCertificate(rand.Reader, &template, &template, &app.key.PublicKey, app.key))
}

func (app *application) visit(policy, mode, token, user, password, stay string) (*result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	endpoints, err := opcua.GetEndpoints(ctx, app.endpoint)
	if err != nil {
		return nil, err
	}
	found, err := opcua.SelectEndpoint(endpoints, ua.FormatSecurityPolicyURI(policy), ua.MessageSecurityModeFromString(mode))
	if err != nil {
		return nil, err
	}
	states := make(chan opcua.ConnState, 100)
	options := []opcua.Option{
		opcua.ApplicationURI(uri), opcua.Lifetime(10 * time.Second), opcua.StateChangedCh(states),
		opcua.PrivateKey(app.key), opcua.Certificate(app.certificate),
	}
	options = append(options, app.identity(token, user, password)...)
	options = append(options, opcua.SecurityFromEndpoint(found, ua.UserTokenTypeFromString(token)))
	client, err := opcua.NewClient(app.endpoint, options...)
	if err != nil {
		return nil, err
	}
	if err := client.Connect(ctx); err != nil {
		return nil, err
	}
	defer client.Close(ctx)
	var seen result
	if seen.Read, err = read(ctx, client); err != nil {
		return nil, err
	}
	if seen.Browsed, err = browsed(ctx, client); err != nil {
		return nil, err
	}
	if seen.Setpoint, err = write(ctx, client, "R101.TIC101.SP", 340); err != nil {
		return nil, err
	}
	if seen.Gain, err = write(ctx, client, "R101.TIC101.Kc", 5); err != nil {
		return nil, err
	}
	if seen.Changes, err = changes(ctx, client, 5); err != nil {
		return nil, err
	}
	time.Sleep(time.Duration(must(strconv.Atoi(stay))) * time.Second)
	if seen.ReadLast, err = read(ctx, client); err != nil {
		return nil, err
	}
	for len(states) > 0 {
		if state := <-states; state == opcua.Disconnected || state == opcua.Reconnecting {
			seen.Lost++
		}
	}
	return &seen, nil
}

func (app *application) identity(token, user, password string) []opcua.Option {
	switch token {
	case "UserName":
		return []opcua.Option{opcua.AuthUsername(user, password)}
	case "Certificate":
		key := must(x509.ParsePKCS8PrivateKey(app.file("user.key.der")))
		return []opcua.Option{opcua.AuthCertificate(app.file("user.der")), opcua.AuthPrivateKey(key.(*rsa.PrivateKey))}
	}
	return []opcua.Option{opcua.AuthAnonymous()}
}

func (app *application) file(name string) []byte {
	return must(os.ReadFile(filepath.Join(app.folder, name)))
}

func read(ctx context.Context, client *opcua.Client) (any, error) {
	found, err := client.Node(id("R101.T")).Value(ctx)
	if err != nil {
		return nil, err
	}
	return found.Value(), nil
}

func browsed(ctx context.Context, client *opcua.Client) (bool, error) {
	references, err := client.Node(id("R101")).References(ctx, 0, ua.BrowseDirectionForward, ua.NodeClassAll, true)
	for _, each := range references {
		if each.BrowseName.Name == "TIC101" {
			return true, err
		}
	}
	return false, err
}

func write(ctx context.Context, client *opcua.Client, name string, value float64) (string, error) {
	response, err := client.Write(ctx, &ua.WriteRequest{NodesToWrite: []*ua.WriteValue{{
		NodeID:      id(name),
		AttributeID: ua.AttributeIDValue,
		Value:       &ua.DataValue{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(value)},
	}}})
	if err != nil {
		return "", err
	}
	if response.Results[0] == ua.StatusOK {
		return "Good", nil
	}
	return response.Results[0].Error(), nil
}

func changes(ctx context.Context, client *opcua.Client, wanted int) (int, error) {
	notifications := make(chan *opcua.PublishNotificationData, 100)
	parameters := opcua.SubscriptionParameters{Interval: 50 * time.Millisecond}
	subscription, err := client.Subscribe(ctx, &parameters, notifications)
	if err != nil {
		return 0, err
	}
	defer subscription.Cancel(ctx)
	item := opcua.NewMonitoredItemCreateRequestWithDefaults(id("R101.T"), ua.AttributeIDValue, 1)
	if _, err := subscription.Monitor(ctx, ua.TimestampsToReturnBoth, item); err != nil {
		return 0, err
	}
	seen, limit := 0, time.After(10*time.Second)
	for seen < wanted {
		select {
		case each := <-notifications:
			if each.Error != nil {
				return seen, each.Error
			}
			if data, ok := each.Value.(*ua.DataChangeNotification); ok {
				seen += len(data.MonitoredItems)
			}
		case <-limit:
			return seen, nil
		}
	}
	return wanted, nil
}

func id(name string) *ua.NodeID {
	return ua.NewStringNodeID(2, name)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
