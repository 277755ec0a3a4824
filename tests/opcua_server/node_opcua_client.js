// node-opcua's client through the same behaviours as conformity/: prints what it saw as JSON, a key for each.
const net = require("net");
const opcua = require("node-opcua-client");

const { AttributeIds, DataType, MonitoringMode, TimestampsToReturn, DataChangeTrigger, DeadbandType } = opcua;
const [endpoint, proxyPort, certificateFile, privateKeyFile] = process.argv.slice(2);
const id = (name) => `ns=2;s=${name}`;
const SP = "R101.TIC101.SP", KC = "R101.TIC101.Kc", TC = "R101.Tc";
const value = (name) => ({ nodeId: id(name), attributeId: AttributeIds.Value });
const options = {
  applicationName: "outside", certificateFile, privateKeyFile,
  securityMode: opcua.MessageSecurityMode.SignAndEncrypt, securityPolicy: opcua.SecurityPolicy.Basic256Sha256,
};

function newClient(extra) {
  return opcua.OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 3, initialDelay: 50, maxDelay: 200 }, ...extra });
}

async function put(session, name, ...values) {
  for (const each of values) {
    const status = await session.write({ ...value(name), value: { value: { dataType: DataType.Double, value: each } } });
    if (status.name !== "Good") throw new Error(`${name}: ${status.name}`);
    const seconds = { dataType: DataType.Double, value: 0.1 };
    await session.call({ objectId: id("Plant.Simulation"), methodId: id("Plant.Simulation.Step"), inputArguments: [seconds] });
  }
}

function subscribe(session, requestedMaxKeepAliveCount = 1) {
  return session.createSubscription2({
    requestedPublishingInterval: 50, requestedMaxKeepAliveCount, requestedLifetimeCount: 1000, publishingEnabled: true,
  });
}

// The second keep-alive from now: what was there to be sent has been sent.
function settled(subscription) {
  return new Promise((done) => {
    let seen = 0;
    const look = () => { if (++seen === 2) { subscription.removeListener("keepalive", look); done(); } };
    subscription.on("keepalive", look);
  });
}

async function watch(subscription, name, parameters = {}, mode = MonitoringMode.Reporting) {
  const item = await subscription.monitor(
    value(name), { samplingInterval: 0, queueSize: 10, discardOldest: true, ...parameters }, TimestampsToReturn.Both, mode,
  );
  const seen = [];
  item.on("changed", (data) => seen.push([data.value.value, data.statusCode.value]));
  return { item, take: () => seen.splice(0) };
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// What was seen until the value came, and a moment longer, for what comes late.
async function until(watched, last) {
  const seen = [];
  while (!seen.includes(last)) { seen.push(...values(watched.take())); await sleep(20); }
  await sleep(300);
  return [...seen, ...values(watched.take())];
}

const deadband = (deadbandType, deadbandValue) =>
  new opcua.DataChangeFilter({ trigger: DataChangeTrigger.StatusValue, deadbandType, deadbandValue });
const values = (pairs) => pairs.map((pair) => pair[0]);

const behaviours = {
  async deadband(session) {
    await put(session, SP, 320);
    await put(session, TC, 300);
    const subscription = await subscribe(session);
    const absolute = await watch(subscription, SP, { filter: deadband(DeadbandType.Absolute, 1) });
    const percent = await watch(subscription, TC, { filter: deadband(DeadbandType.Percent, 2) });
    await settled(subscription);
    await put(session, SP, 320.5, 321, 321.5, 322, 323);
    await put(session, TC, 301, 302, 302.5);
    await settled(subscription);
    return [values(absolute.take()), values(percent.take())];
  },

  async queue(session) {
    await put(session, SP, 320);
    const subscription = await subscribe(session);
    const oldest = await watch(subscription, SP, { queueSize: 3 });
    const newest = await watch(subscription, SP, { queueSize: 3, discardOldest: false });
    await settled(subscription);
    oldest.take(); newest.take();
    await subscription.setPublishingMode(false);
    await put(session, SP, 321, 322, 323, 324, 325);
    await subscription.setPublishingMode(true);
    await settled(subscription);
    return [oldest.take(), newest.take()];
  },

  async sampling(session) {
    await put(session, SP, 320);
    const subscription = await subscribe(session);
    const watched = await watch(subscription, SP, {}, MonitoringMode.Sampling);
    await put(session, SP, 321);
    await settled(subscription);
    const before = values(watched.take());
    await watched.item.setMonitoringMode(MonitoringMode.Reporting);
    await settled(subscription);
    return [before, values(watched.take())];
  },

  async modify(session) {
    await put(session, SP, 320);
    const subscription = await subscribe(session);
    const watched = await watch(subscription, SP);
    await settled(subscription);
    const answer = await watched.item.modify({ samplingInterval: 0, queueSize: 2, discardOldest: true, filter: deadband(DeadbandType.Absolute, 5) });
    const revised = await subscription.modify({ requestedPublishingInterval: 1, requestedMaxKeepAliveCount: 1, requestedLifetimeCount: 1000 });
    watched.take();
    await put(session, SP, 322, 326);
    await settled(subscription);
    return [answer.revisedQueueSize, values(watched.take()), revised.revisedPublishingInterval >= 10];
  },

  async triggering(session) {
    await put(session, SP, 320);
    await put(session, KC, 6);
    const subscription = await subscribe(session);
    const trigger = await watch(subscription, KC);
    const linked = await watch(subscription, SP, {}, MonitoringMode.Sampling);
    const answer = await subscription.setTriggering(trigger.item, [linked.item], null);
    await settled(subscription);
    await put(session, SP, 321, 322);
    await settled(subscription);
    const before = values(linked.take());
    await put(session, KC, 7);
    await settled(subscription);
    return [answer.addResults.map((status) => status.name), before, values(linked.take()).slice(-2)];
  },

  async getMonitoredItems(session) {
    const subscription = await subscribe(session);
    const { item } = await watch(subscription, SP);
    const found = await subscription.getMonitoredItems();
    return found.serverHandles.length === 1 && found.serverHandles[0] === item.monitoredItemId
      && found.clientHandles[0] === item.monitoringParameters.clientHandle;
  },

  async browseNext(session) {
    const whole = await session.browse(id("R101"));
    session.requestedMaxReferencesPerNode = 3;
    let page = await session.browse(id("R101"));
    const sizes = [page.references.length];
    const names = page.references.map((each) => each.browseName.name);
    while (page.continuationPoint && page.continuationPoint.length) {
      page = await session.browseNext(page.continuationPoint, false);
      sizes.push(page.references.length);
      names.push(...page.references.map((each) => each.browseName.name));
    }
    session.requestedMaxReferencesPerNode = 0;
    const complete = JSON.stringify(names) === JSON.stringify(whole.references.map((each) => each.browseName.name));
    return [Math.max(...sizes), complete];
  },

  async transferAndRepublish(session, client) {
    await put(session, SP, 320);
    const old = await client.createSession();
    const { subscriptionId } = await old.createSubscription({
      requestedPublishingInterval: 50, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 1,
      maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 0,
    });
    await old.createMonitoredItems({
      subscriptionId, timestampsToReturn: TimestampsToReturn.Both,
      itemsToCreate: [{
        itemToMonitor: value(SP), monitoringMode: MonitoringMode.Reporting,
        requestedParameters: { clientHandle: 5, samplingInterval: 0, queueSize: 10, discardOldest: true },
      }],
    });
    const read = (message) => (message.notificationData || []).flatMap((each) => (each.monitoredItems || []).map((item) => item.value.value.value));
    const sent = await old.publish({ subscriptionAcknowledgements: [] });
    const young = await client.createSession();
    const moved = await young.transferSubscriptions({ subscriptionIds: [subscriptionId], sendInitialValues: true });
    const number = sent.notificationMessage.sequenceNumber;
    const again = await young.republish({ subscriptionId, retransmitSequenceNumber: number });
    const next = await young.publish({ subscriptionAcknowledgements: [{ subscriptionId, sequenceNumber: number }] });
    let unknown = "Good";
    try { await young.republish({ subscriptionId, retransmitSequenceNumber: number }); }
    catch (error) { unknown = (error.response && error.response.responseHeader.serviceResult.name) || error.message; }
    await young.close();
    await old.close();
    return [
      moved.results[0].statusCode.name, read(sent.notificationMessage), read(again.notificationMessage),
      read(next.notificationMessage), unknown,
    ];
  },

  // A proxy in between ends the connection; what was written meanwhile must arrive, in order. This client may publish
  // before it republishes, and then shows twice what was sent once. Keep-alives are rare, since it counts a keep-alive's
  // number as received and would republish from the next.
  async reconnect(session) {
    await put(session, SP, 320);
    const sockets = new Set();
    const target = new URL(endpoint.replace("opc.tcp", "http"));
    const proxy = net.createServer((near) => {
      const far = net.connect(Number(target.port), target.hostname);
      for (const [a, b] of [[near, far], [far, near]]) {
        sockets.add(a);
        a.on("error", () => b.destroy());
        a.on("close", () => { sockets.delete(a); b.destroy(); });
        a.pipe(b);
      }
    });
    await new Promise((done) => proxy.listen(Number(proxyPort), "127.0.0.1", done));
    const client = newClient({ connectionStrategy: { maxRetry: -1, initialDelay: 50, maxDelay: 100 } });
    await client.connect(`opc.tcp://127.0.0.1:${proxyPort}/cstr-gateway`);
    const mine = await client.createSession();
    const subscription = await subscribe(mine, 200);
    const watched = await watch(subscription, SP, { queueSize: 100 });
    const first = await until(watched, 320);
    const restored = new Promise((done) => client.once("connection_reestablished", done));
    for (const each of sockets) each.destroy();
    await put(session, SP, 321, 322, 323);
    await restored;
    await put(session, SP, 324);
    const seen = await until(watched, 324);
    await client.disconnect();
    proxy.close();
    return [first, [...new Set(seen)]];
  },
};

async function main() {
  const client = newClient(options);
  await client.connect(endpoint);
  const result = {};
  for (const [name, behaviour] of Object.entries(behaviours)) {
    const session = await client.createSession();
    const limit = new Promise((_, fail) => setTimeout(() => fail(new Error("no answer in 10 s")), 10000).unref());
    try { result[name] = await Promise.race([behaviour(session, client), limit]); }
    catch (error) { result[name] = String(error.message).split("\n")[0]; }
    await session.close().catch(() => {});
  }
  await client.disconnect();
  console.log("RESULT " + JSON.stringify(result));
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
