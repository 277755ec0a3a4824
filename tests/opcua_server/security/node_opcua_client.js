// node-opcua's client pays visits to the server: a line of standard input says how, a line of JSON what came of it.
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const opcua = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");

const [endpoint, folder] = process.argv.slice(2);
const file = (name) => path.join(folder, name);
const id = (name) => ({ nodeId: `ns=2;s=${name}`, attributeId: opcua.AttributeIds.Value });
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function identity(token, user, password) {
  if (token === "UserName") return { type: opcua.UserTokenType.UserName, userName: user, password };
  if (token === "Certificate") {
    return {
      type: opcua.UserTokenType.Certificate,
      certificateData: fs.readFileSync(file("user.der")),
      privateKey: fs.readFileSync(file("user.key.pem"), "ascii"),
    };
  }
  return { type: opcua.UserTokenType.Anonymous };
}

async function read(session) {
  const found = await session.read(id("R101.T"));
  return found.statusCode.isGood() ? found.value.value : found.statusCode.name;
}

async function write(session, name, value) {
  const status = await session.write({ ...id(name), value: { value: { dataType: opcua.DataType.Double, value } } });
  return status.name;
}

async function changes(session, wanted) {
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50, requestedMaxKeepAliveCount: 20, requestedLifetimeCount: 100, publishingEnabled: true,
  });
  const parameters = { samplingInterval: 0, queueSize: 10, discardOldest: true };
  const item = await subscription.monitor(id("R101.T"), parameters, opcua.TimestampsToReturn.Both);
  let seen = 0;
  await Promise.race([sleep(10), new Promise((done) => item.on("changed", () => { if (seen < wanted && ++seen === wanted) done(); }))]);
  await subscription.terminate();
  return seen;
}

async function visit(certificates, policy, mode, token, user, password, stay) {
  const client = opcua.OPCUAClient.create({
    applicationName: "foreign-node-opcua",
    clientCertificateManager: certificates,
    securityMode: opcua.MessageSecurityMode[mode],
    securityPolicy: opcua.SecurityPolicy[policy],
    defaultSecureTokenLifetime: 10000,
    connectionStrategy: { maxRetry: 0, initialDelay: 50, maxDelay: 100 },
  });
  let lost = 0;
  client.on("connection_lost", () => { lost++; });
  try {
    await client.connect(endpoint);
    const session = await client.createSession(identity(token, user, password));
    const references = (await session.browse("ns=2;s=R101")).references;
    const result = {
      read: await read(session),
      browsed: references.some((each) => each.browseName.name === "TIC101"),
      setpoint: await write(session, "R101.TIC101.SP", 340),
      gain: await write(session, "R101.TIC101.Kc", 5),
      changes: await changes(session, 5),
    };
    await sleep(Number(stay));
    result.readLast = await read(session);
    await session.close();
    return { ...result, lost };
  } finally {
    await client.disconnect();
  }
}

async function main() {
  const certificates = new OPCUACertificateManager({
    rootFolder: file("pki"), automaticallyAcceptUnknownCertificate: false, disableFileWatchers: true,
  });
  await certificates.initialize();
  await certificates.trustCertificate(fs.readFileSync(file("server.der")));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, ...how] = line.split("\t");
    visit(certificates, ...how).catch((error) => ({ error: error.message.split("\n")[0] }))
      .then((result) => console.log(`RESULT ${name} ${JSON.stringify(result)}`));
  }
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
