// node-opcua's discovery server, on loopback: whom it does not trust it refuses, until its folder of the trusted has the certificate.
const dgram = require("dgram");
const net = require("net");
const { OPCUADiscoveryServer } = require("node-opcua-server-discovery");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");

const [port, folder, certificateFile, privateKeyFile, applicationUri] = process.argv.slice(2);

// It would listen on all addresses, and announce itself by multicast.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (options, ...rest) {
  return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
};
dgram.Socket.prototype.send = (...given) => { const done = given.at(-1); if (typeof done === "function") done(null, 0); };

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: false });
  await certificates.initialize();
  const server = new OPCUADiscoveryServer({
    port: Number(port), certificateFile, privateKeyFile, serverCertificateManager: certificates,
    serverInfo: { applicationUri, applicationName: { text: "discovery" } },
  });
  await server.start();
  console.log("READY");
}

main().catch((error) => { console.error(error); process.exit(1); });
