// Eclipse Milo's client pays visits to the server: a line of standard input says how, a line of JSON what came of it.
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.uint;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.eclipse.milo.opcua.sdk.client.OpcUaClient;
import org.eclipse.milo.opcua.sdk.client.SessionActivityListener;
import org.eclipse.milo.opcua.sdk.client.UaSession;
import org.eclipse.milo.opcua.sdk.client.identity.AnonymousProvider;
import org.eclipse.milo.opcua.sdk.client.identity.IdentityProvider;
import org.eclipse.milo.opcua.sdk.client.identity.UsernameProvider;
import org.eclipse.milo.opcua.sdk.client.identity.X509IdentityProvider;
import org.eclipse.milo.opcua.sdk.client.subscriptions.OpcUaMonitoredItem;
import org.eclipse.milo.opcua.sdk.client.subscriptions.OpcUaSubscription;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.StatusCodes;
import org.eclipse.milo.opcua.stack.core.security.CertificateValidator;
import org.eclipse.milo.opcua.stack.core.security.DefaultClientCertificateValidator;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateQuarantine;
import org.eclipse.milo.opcua.stack.core.security.MemoryTrustListManager;
import org.eclipse.milo.opcua.stack.core.security.SecurityPolicy;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.enumerated.BrowseDirection;
import org.eclipse.milo.opcua.stack.core.types.enumerated.MessageSecurityMode;
import org.eclipse.milo.opcua.stack.core.types.enumerated.TimestampsToReturn;
import org.eclipse.milo.opcua.stack.core.types.structured.BrowseDescription;
import org.eclipse.milo.opcua.stack.core.util.CertificateUtil;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateBuilder;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateGenerator;
import org.eclipse.milo.opcua.stack.core.util.validation.ValidationCheck;

class MiloClient {
  static final String URI = "urn:foreign-milo";

  final String endpoint;
  final Path folder;
  final KeyPair keys;
  final X509Certificate certificate;
  final CertificateValidator validator;

  MiloClient(String endpoint, Path folder) throws Exception {
    this.endpoint = endpoint;
    this.folder = folder;
    keys = SelfSignedCertificateGenerator.generateRsaKeyPair(2048);
    certificate = new SelfSignedCertificateBuilder(keys)
        .setCommonName("foreign-milo").setApplicationUri(URI).addDnsName("localhost").build();
    var trusted = new MemoryTrustListManager();
    trusted.addTrustedCertificate(read("server.der"));
    validator = new DefaultClientCertificateValidator(
        trusted, ValidationCheck.ALL_OPTIONAL_CHECKS, new MemoryCertificateQuarantine());
  }

  public static void main(String[] arguments) throws Exception {
    Security.addProvider(new BouncyCastleProvider()); // without which Milo has no RSA-PSS
    var client = new MiloClient(arguments[0], Path.of(arguments[1]));
    var lines = new BufferedReader(new InputStreamReader(System.in));
    var visits = Executors.newCachedThreadPool();
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      var words = line.split("\t");
      visits.submit(() -> System.out.println("RESULT " + words[0] + " " + client.result(words)));
    }
    System.exit(0);
  }

  String result(String[] words) {
    try {
      return visit(words[1], words[2], identity(words[3], words[4], words[5]), Long.parseLong(words[6]));
    } catch (Exception error) {
      return String.format("{\"error\": \"%s\"}", said(error).replaceAll("[\"\\\\\\s]+", " "));
    }
  }

  String visit(String policy, String mode, IdentityProvider identity, long stay) throws Exception {
    var lost = new AtomicInteger();
    var client = OpcUaClient.create(
        endpoint,
        offered -> offered.stream().filter(each -> is(each.getSecurityPolicyUri(), policy)
            && each.getSecurityMode() == MessageSecurityMode.valueOf(mode)).findFirst(),
        transport -> transport.setChannelLifetime(uint(10_000)),
        config -> config.setApplicationName(LocalizedText.english("foreign-milo")).setApplicationUri(URI)
            .setKeyPair(keys).setCertificate(certificate).setCertificateChain(new X509Certificate[] {certificate})
            .setCertificateValidator(validator).setIdentityProvider(identity));
    try {
      client.connect();
      client.addSessionActivityListener(new SessionActivityListener() {
        @Override
        public void onSessionInactive(UaSession session) {
          lost.incrementAndGet();
        }
      });
      var read = value(client);
      var browsed = client.browse(new BrowseDescription(
          id("R101"), BrowseDirection.Forward, NodeIds.HierarchicalReferences, true, uint(0), uint(63)));
      var found = Stream.of(browsed.getReferences()).anyMatch(each -> "TIC101".equals(each.getBrowseName().name()));
      var setpoint = write(client, "R101.TIC101.SP", 340.0);
      var gain = write(client, "R101.TIC101.Kc", 5.0);
      var changes = changes(client, 5);
      TimeUnit.SECONDS.sleep(stay);
      return String.format(
          Locale.ROOT,
          "{\"read\": %s, \"browsed\": %s, \"setpoint\": \"%s\", \"gain\": \"%s\", \"changes\": %d, \"readLast\": %s, "
              + "\"lost\": %d}",
          read, found, setpoint, gain, changes, value(client), lost.get());
    } finally {
      client.disconnect();
    }
  }

  IdentityProvider identity(String token, String name, String password) throws Exception {
    return switch (token) {
      case "UserName" -> new UsernameProvider(name, password, validator);
      case "Certificate" -> new X509IdentityProvider(read("user.der"), userKey());
      default -> AnonymousProvider.INSTANCE;
    };
  }

  X509Certificate read(String name) throws Exception {
    return CertificateUtil.decodeCertificate(Files.readAllBytes(folder.resolve(name)));
  }

  PrivateKey userKey() throws Exception {
    var der = Files.readAllBytes(folder.resolve("user.key.der"));
    return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
  }

  static Object value(OpcUaClient client) throws Exception {
    return client.readValue(0, TimestampsToReturn.Both, id("R101.T")).getValue().getValue();
  }

  static String write(OpcUaClient client, String name, double value) throws Exception {
    var status = client.writeValues(List.of(id(name)), List.of(DataValue.valueOnly(Variant.of(value)))).get(0);
    return StatusCodes.lookup(status.getValue()).map(all -> all[0]).orElse("Good");
  }

  static int changes(OpcUaClient client, int wanted) throws Exception {
    var seen = new CountDownLatch(wanted);
    var subscription = new OpcUaSubscription(client, 50.0);
    subscription.create();
    var item = OpcUaMonitoredItem.newDataItem(id("R101.T"));
    item.setSamplingInterval(0);
    item.setQueueSize(uint(10));
    item.setDataValueListener((from, value) -> seen.countDown());
    subscription.addMonitoredItem(item);
    subscription.synchronizeMonitoredItems();
    seen.await(10, TimeUnit.SECONDS);
    subscription.delete();
    return wanted - (int) seen.getCount();
  }

  static NodeId id(String name) {
    return new NodeId(2, name);
  }

  static boolean is(String uri, String policy) {
    return SecurityPolicy.valueOf(policy).getUri().equals(uri);
  }

  static String said(Throwable error) {
    return error.getCause() == null ? String.valueOf(error) : error + ": " + said(error.getCause());
  }
}
