// A server with node-opcua: AnalogItems in folders, set in process every period.
//
//     node_opcua.js PORT TAGS WRITABLE FOLDER PERIOD_S
//
// Told on standard input: `resume N F` (change the first N tags, F of them to Bad every tenth
// time), `pause`, `counts`; each is answered with one line.
"use strict";
console.log = console.warn = console.error; // The library writes there; standard output is for answers.
const readline = require("node:readline");
const path = require("node:path");
const { OPCUAServer } = require("node-opcua-server");
const { nodesets } = require("node-opcua-nodesets");
const { DataType } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");
const { standardUnits } = require("node-opcua-data-access");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");

const [port, count, writable, folderSize] = process.argv.slice(2, 6).map(Number);
const periodMs = Number(process.argv[6]) * 1000;
const MANY = 1_000_000;

function add(space, namespace, prefix, number) {
  const tags = [];
  let folder = null;
  for (let index = 0; index < number; index++) {
    if (index % folderSize === 0) {
      folder = namespace.addFolder(space.rootFolder.objects, { browseName: `F${prefix}${index}` });
    }
    tags.push(
      namespace.addAnalogDataItem({
        organizedBy: folder,
        browseName: `${prefix}${index}`,
        nodeId: `s=${prefix}${index}`,
        definition: "",
        valuePrecision: 0.001,
        engineeringUnitsRange: { low: 250, high: 550 },
        instrumentRange: { low: 250, high: 550 },
        engineeringUnits: standardUnits.kelvin,
        dataType: "Double",
        minimumSamplingInterval: 0,
        value: { dataType: DataType.Double, value: 0.0 },
      }),
    );
  }
  return tags;
}

async function main() {
  const folder = path.join(process.env.XDG_CONFIG_HOME, "pki");
  const server = new OPCUAServer({
    port,
    host: "127.0.0.1",
    hostname: "127.0.0.1",
    resourcePath: "/benchmark",
    nodeset_filename: [nodesets.standard],
    allowAnonymous: true,
    serverCertificateManager: new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true }),
    maxConnectionsPerEndpoint: 5000,
    serverCapabilities: {
      maxSessions: 5000,
      maxSubscriptions: 5000,
      maxSubscriptionsPerSession: 100,
      maxMonitoredItems: MANY,
      maxMonitoredItemsPerSubscription: MANY,
      maxMonitoredItemsQueueSize: 1000,
      operationLimits: { maxMonitoredItemsPerCall: MANY, maxNodesPerRead: MANY, maxNodesPerWrite: MANY },
    },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const namespace = space.registerNamespace("urn:benchmark");
  if (namespace.index !== 2) throw new Error(`namespace index ${namespace.index}, not 2`);
  const tags = add(space, namespace, "D", count);
  add(space, namespace, "W", writable);
  await server.start();

  const counts = new Array(count).fill(0);
  let present = 0;
  let failing = 0;
  let round = 0;
  let running = false;
  let due = 0;

  // A period that is missed is left out.
  function change() {
    if (!running) return;
    round++;
    for (let index = 0; index < present; index++) {
      if (index < failing && round % 10 === 0) {
        tags[index].setValueFromSource({ dataType: DataType.Null }, StatusCodes.BadSensorFailure);
      } else {
        const value = 300.0 + (round % 1000) * 0.001 + index * 1e-6;
        tags[index].setValueFromSource({ dataType: DataType.Double, value }, StatusCodes.Good);
      }
      counts[index]++;
    }
    due = Math.max(due + periodMs, performance.now());
    setTimeout(change, due - performance.now());
  }

  const obey = {
    resume: (number, bad) => {
      present = Number(number);
      failing = Number(bad);
      if (!running) {
        running = true;
        due = performance.now();
        setImmediate(change);
      }
      return "done";
    },
    pause: () => {
      running = false;
      return "done";
    },
    counts: () => JSON.stringify(counts),
  };
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const [word, ...arguments_] = line.split(" ");
    process.stdout.write(obey[word](...arguments_) + "\n");
  });
  lines.on("close", () => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
