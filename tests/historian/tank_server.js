// A tank by node-opcua, with history in its own memory: `tank_server.js PORT`. Prints `ready`, then each value that it sets.
"use strict";
const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);
console.log = console.warn = console.error;
const path = require("node:path");
const { OPCUAServer } = require("node-opcua-server");
const { nodesets } = require("node-opcua-nodesets");
const { DataType } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");

async function main() {
  const rootFolder = path.join(process.cwd(), "pki");
  const server = new OPCUAServer({
    port: Number(process.argv[2]), host: "127.0.0.1", hostname: "127.0.0.1", resourcePath: "/tank",
    nodeset_filename: [nodesets.standard], allowAnonymous: true,
    serverCertificateManager: new OPCUACertificateManager({ rootFolder, automaticallyAcceptUnknownCertificate: true }),
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const namespace = space.getOwnNamespace();
  const tank = namespace.addObject({ organizedBy: space.rootFolder.objects, browseName: "Tank" });
  const add = (browseName, dataType, value, more = {}) =>
    namespace.addVariable({ componentOf: tank, browseName, nodeId: `s=Tank.${browseName}`, dataType, minimumSamplingInterval: 0,
      value: { dataType: DataType[dataType], value }, ...more });
  const level = add("Level", "Double", 0);
  const pump = add("Pump", "Boolean", false);
  const count = add("Count", "UInt16", 0);
  const name = add("Name", "String", "tank");
  const valve = add("Valve", "Double", 0);
  add("Setpoint", "Double", 1, { accessLevel: "CurrentRead | CurrentWrite", userAccessLevel: "CurrentRead | CurrentWrite" });
  add("Table", "Double", 1, { value: { dataType: DataType.Double, arrayType: 1, value: new Float64Array([1, 2]) }, valueRank: 1, arrayDimensions: [0] });
  for (const node of [level, count, valve]) space.installHistoricalDataNode(node, { maxOnlineValues: 100_000 });
  await server.start();
  say("ready", namespace.namespaceUri);
  let number = 0;
  setInterval(() => {
    number += 1;
    const when = new Date();
    const bad = number % 50 === 0;
    level.setValueFromSource({ dataType: DataType.Double, value: number / 7 }, bad ? StatusCodes.BadSensorFailure : StatusCodes.Good, when);
    say("Level", when.toISOString(), bad ? "null" : number / 7);
    if (number % 5 === 0) {
      count.setValueFromSource({ dataType: DataType.UInt16, value: number }, StatusCodes.Good, when);
      say("Count", when.toISOString(), number);
      for (const status of [StatusCodes.Good, StatusCodes.UncertainLastUsableValue, StatusCodes.Good])
        valve.setValueFromSource({ dataType: DataType.Double, value: number }, status, when);
      say("Valve", when.toISOString(), number);
      pump.setValueFromSource({ dataType: DataType.Boolean, value: number % 2 === 0 }, StatusCodes.Good, when);
      name.setValueFromSource({ dataType: DataType.String, value: `tank ${number}` }, StatusCodes.Good, when);
    }
  }, 20);
}
main().catch((error) => { say("failed", error.stack); process.exit(1); });
