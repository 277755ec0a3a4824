// node-opcua's client reads the history of events: prints what it saw as JSON, a key for each question.
const opcua = require("node-opcua-client");
const history = require("node-opcua-types");

const [endpoint, typeId, start, end] = process.argv.slice(2);
const first = new Date(Number(start));
const last = new Date(Number(end));
const none = new Date(Date.UTC(1601, 0, 1));
const own = (name) => new history.SimpleAttributeOperand({ typeDefinitionId: typeId, browsePath: [{ namespaceIndex: 2, name }], attributeId: opcua.AttributeIds.Value });
const base = (name) => new history.SimpleAttributeOperand({ typeDefinitionId: "i=2041", browsePath: [{ name }], attributeId: opcua.AttributeIds.Value });
const selectClauses = [base("EventId"), base("Time"), base("Message"), base("Severity"), own("Reactor"), own("Active"), own("Cause"), own("Score"), own("Colour")];
const literal = (dataType, value) => new history.LiteralOperand({ value: new opcua.Variant({ dataType, value }) });
const ended = { filterOperator: history.FilterOperator.Equals, filterOperands: [own("Active"), literal(opcua.DataType.Boolean, false)] };

function plain({ value }) {
  if (value instanceof Date) return value.getTime();
  if (Buffer.isBuffer(value)) return value.toString("hex");
  return value && value.text !== undefined ? value.text : value;
}

async function read(session, nodeId, startTime, endTime, numValuesPerNode, elements = []) {
  const pages = [];
  let continuationPoint;
  do {
    const historyReadDetails = new history.ReadEventDetails({ startTime, endTime, numValuesPerNode, filter: { selectClauses, whereClause: { elements } } });
    const response = await session.performMessageTransaction(new history.HistoryReadRequest({
      historyReadDetails, timestampsToReturn: opcua.TimestampsToReturn.Both, releaseContinuationPoints: false,
      nodesToRead: [{ nodeId, continuationPoint }],
    }));
    const [result] = response.results;
    if (result.statusCode.value !== 0) return result.statusCode.name;
    pages.push(result.historyData.events.map(({ eventFields }) => eventFields.map(plain)));
    continuationPoint = result.continuationPoint;
  } while (continuationPoint && continuationPoint.length);
  return pages;
}

async function main() {
  const client = opcua.OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 1 } });
  await client.connect(endpoint);
  const session = await client.createSession();
  const result = {
    server: await read(session, "i=2253", first, last, 0),
    pages: await read(session, "ns=2;s=Plant", first, last, 2),
    backward: await read(session, "ns=2;s=R101", last, first, 0),
    ended: await read(session, "ns=2;s=Plant.Area1", first, last, 0, [ended]),
    variable: await read(session, "ns=2;s=R101.T", first, last, 0),
    timeless: await read(session, "ns=2;s=R101", none, none, 0),
  };
  await session.close();
  await client.disconnect();
  console.log("RESULT " + JSON.stringify(result));
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
