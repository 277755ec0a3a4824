// A second vendor's client: browses, reads, subscribes, reads history and writes Tc by hand; prints JSON.
const opcua = require("node-opcua-client");

const [endpoint, reactor, certificateFile, privateKeyFile] = process.argv.slice(2);
const loop = `TIC${reactor.slice(1)}`;
const id = (name) => `ns=2;s=${name}`;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function write(session, name, dataType, value) {
  const status = await session.write({
    nodeId: id(name),
    attributeId: opcua.AttributeIds.Value,
    value: { value: { dataType, value } },
  });
  return status.name;
}

async function until(session, name, value) {
  for (let tries = 0; tries < 200; tries++) {
    const found = await session.read({ nodeId: id(name), attributeId: opcua.AttributeIds.Value });
    if (found.value.value === value) return true;
    await sleep(50);
  }
  return false;
}

async function main() {
  const client = opcua.OPCUAClient.create({
    endpointMustExist: false,
    applicationName: "outside",
    certificateFile,
    privateKeyFile,
    securityMode: opcua.MessageSecurityMode.SignAndEncrypt,
    securityPolicy: opcua.SecurityPolicy.Basic256Sha256,
    connectionStrategy: { maxRetry: 2 },
  });
  const result = {};
  await client.connect(endpoint);
  const session = await client.createSession();

  const browsed = await session.browse(id(reactor));
  result.browsed = browsed.references.map((reference) => reference.browseName.name);

  const t = await session.read({ nodeId: id(`${reactor}.T`), attributeId: opcua.AttributeIds.Value });
  result.t = t.value.value;
  result.status = t.statusCode.name;
  const unit = await session.read({ nodeId: id(`${reactor}.T.EngineeringUnits`), attributeId: opcua.AttributeIds.Value });
  result.unit = unit.value.value.displayName.text;

  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 100, requestedMaxKeepAliveCount: 20, requestedLifetimeCount: 100, publishingEnabled: true,
  });
  const item = await subscription.monitor(
    { nodeId: id(`${reactor}.T`), attributeId: opcua.AttributeIds.Value },
    { samplingInterval: 0, queueSize: 100, discardOldest: true },
    opcua.TimestampsToReturn.Both,
  );
  const times = [];
  await new Promise((done) => item.on("changed", (data) => {
    times.push(data.sourceTimestamp.getTime());
    if (times.length === 20) done();
  }));
  result.subscribed = times;
  await subscription.terminate();

  const history = await session.readHistoryValue(id(`${reactor}.T`), new Date(times[0]), new Date(times[19] + 1));
  // With bounds: the last value before and the first after the interval come too.
  const recorded = history.historyData.dataValues.map((data) => data.sourceTimestamp.getTime());
  result.history = recorded.filter((time) => time >= times[0] && time <= times[19]);

  result.refused = await write(session, `${reactor}.Tc`, opcua.DataType.Double, 301);
  result.wrongType = await write(session, `${reactor}.${loop}.SP`, opcua.DataType.String, "hot");
  result.outOfRange = await write(session, `${reactor}.${loop}.SP`, opcua.DataType.Double, 1000);
  await write(session, `${reactor}.${loop}.ModeTarget`, opcua.DataType.Int32, 1);
  result.inMan = await until(session, `${reactor}.${loop}.Mode`, 1);
  result.written = await write(session, `${reactor}.Tc`, opcua.DataType.Double, 302);
  result.mirrored = await until(session, `${reactor}.${loop}.OUT`, 302);
  await write(session, `${reactor}.${loop}.ModeTarget`, opcua.DataType.Int32, 2);
  result.backInAuto = await until(session, `${reactor}.${loop}.Mode`, 2);

  await session.close();
  await client.disconnect();
  console.log("RESULT " + JSON.stringify(result));
}

main().catch((error) => { console.error(error); process.exit(1); });
