// node-opcua's client changes history and reads it in every way: prints what it saw as JSON, a key for each.
const opcua = require("node-opcua-client");
const history = require("node-opcua-types");

const [endpoint, nodeId, start, end, average, questions] = process.argv.slice(2);
const time = (ms) => new Date(Number(start) + ms);
const last = new Date(Number(end));
const plain = (variant) => (variant && variant.value instanceof opcua.StatusCode ? variant.value.value : variant ? variant.value : null);
const unit = (value) => [value.sourceTimestamp.getTime() - Number(start), plain(value.value), value.statusCode.value];

async function read(session, historyReadDetails, of = nodeId) {
  const pages = [];
  let continuationPoint;
  do {
    const response = await session.performMessageTransaction(new history.HistoryReadRequest({
      historyReadDetails, timestampsToReturn: opcua.TimestampsToReturn.Both, releaseContinuationPoints: false,
      nodesToRead: [{ nodeId: of, continuationPoint }],
    }));
    const [result] = response.results;
    if (result.statusCode.name.startsWith("Bad")) throw new Error(result.statusCode.name);
    pages.push(result.historyData);
    continuationPoint = result.continuationPoint;
  } while (continuationPoint && continuationPoint.length);
  return pages;
}

function detailsOf({ kind, from, to, bounds, times, simple, interval, aggregate, configuration }) {
  if (kind === "raw") {
    return new history.ReadRawModifiedDetails({
      isReadModified: false, startTime: time(from), endTime: time(to), numValuesPerNode: 3, returnBounds: bounds,
    });
  }
  if (kind === "at") return new history.ReadAtTimeDetails({ reqTimes: times.map(time), useSimpleBounds: simple });
  return new history.ReadProcessedDetails({
    startTime: time(from), endTime: time(to), processingInterval: interval, aggregateType: [aggregate],
    aggregateConfiguration: configuration,
  });
}

async function update(session, performInsertReplace, ...pairs) {
  const updateValues = pairs.map(([ms, value]) => new opcua.DataValue({
    value: { dataType: opcua.DataType.Double, value }, sourceTimestamp: time(ms), statusCode: opcua.StatusCodes.Good,
  }));
  const details = new history.UpdateDataDetails({ nodeId, performInsertReplace, updateValues });
  const response = await session.performMessageTransaction(new history.HistoryUpdateRequest({ historyUpdateDetails: [details] }));
  return response.results[0].operationResults.map((code) => code.name);
}

async function main() {
  const client = opcua.OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 1 } });
  await client.connect(endpoint);
  const session = await client.createSession();
  const How = history.PerformUpdateType;
  const raw = (isReadModified) => new history.ReadRawModifiedDetails({
    isReadModified, startTime: time(0), endTime: last, numValuesPerNode: 4, returnBounds: false,
  });
  const codes = [
    ...await update(session, How.Insert, [137, 300.5], [237, 301.5]),
    ...await update(session, How.Insert, [137, 1.0]),
    ...await update(session, How.Replace, [137, 302.5], [138, 1.0]),
    ...await update(session, How.Update, [337, 303.5]),
  ];
  const modified = await read(session, raw(true));
  const result = {
    codes,
    raw: (await read(session, raw(false))).flatMap((page) => page.dataValues.map(unit)),
    modified: modified.flatMap((page) => page.dataValues.map(
      (value, place) => [...unit(value), history.HistoryUpdateType[page.modificationInfos[place].updateType]],
    )),
    atTime: (await read(session, new history.ReadAtTimeDetails({
      reqTimes: [time(187), time(137), time(500)], useSimpleBounds: true,
    }))).flatMap((page) => page.dataValues.map(unit)),
    processed: (await read(session, new history.ReadProcessedDetails({
      startTime: time(0), endTime: last, processingInterval: 250, aggregateType: [average],
      aggregateConfiguration: { useServerCapabilitiesDefaults: true },
    }))).flatMap((page) => page.dataValues.map(unit)),
  };
  result.answers = [];
  for (const question of JSON.parse(questions)) {
    const pages = await read(session, detailsOf(question), question.nodeId);
    result.answers.push(pages.flatMap((page) => page.dataValues.map(unit)));
  }
  await session.close();
  await client.disconnect();
  console.log("RESULT " + JSON.stringify(result));
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
