// A caller in Node.js. Reports that a contact has written for the first time, and prints who got it:
//
//     npm ci && node client.js dns:///evenhand.my-namespace:50051 my-shop contact-1
const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const ROOT = path.join(__dirname, "../../../.."); // the repository, or what you copied of it
const CONFIG = path.join(ROOT, "deploy/examples/client_service_config.json");
const DEADLINE_MS = 2_000;

// The .proto files are loaded as they are: there is no code to generate.
const FILES = ["evenhand/v1/assignment_service.proto", "google/rpc/error_details.proto", "grpc/health/v1/health.proto"];
const includeDirs = [path.join(ROOT, "protos"), path.join(ROOT, "protos/third_party")];
const loaded = loader.loadSync(FILES, { includeDirs, enums: String, longs: String, defaults: true, json: true });
const { evenhand, grpc: standard } = grpc.loadPackageDefinition(loaded);

// What each is for: deploy/examples/cluster_client.py.
const OPTIONS = {
  "grpc.service_config": fs.readFileSync(CONFIG, "utf8"),
  "grpc.dns_min_time_between_resolutions_ms": 2_000,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

function call(client, method, request) {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + DEADLINE_MS };
    client[method](request, options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// The details of an error: a google.rpc.Status in the trailing metadata; none if the service was not reached.
function detailsOf(error) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const details = bytes ? loaded["google.rpc.Status"].deserialize(bytes).details : [];
  const find = (name) => details.find((detail) => detail["@type"].endsWith(name)) ?? {};
  return { info: find("google.rpc.ErrorInfo"), violations: find("google.rpc.BadRequest").fieldViolations ?? [] };
}

async function main(target, workspaceId, contactId) {
  const channel = new grpc.Channel(target, grpc.credentials.createInsecure(), OPTIONS); // one for the whole process
  const connect = (Client) => new Client(target, null, { channelOverride: channel });
  const { status } = await call(connect(standard.health.v1.Health), "Check", { service: "evenhand.v1.AssignmentService" });
  console.log(`health: ${status}`);
  const { decision } = await call(connect(evenhand.v1.AssignmentService), "EvaluateContact", {
    workspaceId,
    eventType: "EVENT_TYPE_CONTACT_CREATED",
    contact: { id: contactId, source: "whatsapp_dm", channel: "whatsapp" },
    requestId: `${contactId}/first-message`, // whoever reports this event again gets the same decision
  });
  const again = decision.replayed ? " (as decided before)" : "";
  switch (decision.outcome) {
    case "OUTCOME_ASSIGNED":
    case "OUTCOME_ALREADY_ASSIGNED":
      console.log(`${contactId}: ${decision.outcome} ${decision.agentId}${again}`);
      break;
    default: // nobody was there, or no rule wanted it: not an error
      console.log(`${contactId}: ${decision.outcome}, stays unassigned${again}`);
  }
  channel.close();
}

if (process.argv.length !== 5) {
  console.error("usage: node client.js TARGET WORKSPACE CONTACT");
  process.exit(2);
}
main(...process.argv.slice(2)).catch((error) => {
  if (!error.metadata) throw error; // none of gRPC's
  const { info, violations } = detailsOf(error);
  console.error(`${grpc.status[error.code]} ${info.reason ?? error.details}`);
  const fields = JSON.parse(info.metadata?.jsonFields ?? "[]"); // as we wrote them
  violations.forEach(({ field, description }, at) => console.error(`  ${fields[at] ?? field}: ${description}`));
  process.exit(1);
});
