// Reads {"policies": {role: [policy]}, "asks": [[role, action, resource]], "key_policy": policy} and writes what IAM
// would decide on each: ["Allowed" | "ImplicitlyDenied" | "ExplicitlyDenied" | the evaluator's own error].
import { text } from "node:stream/consumers";
import { runSimulation } from "@cloud-copilot/iam-simulate";

const { policies, asks, key_policy } = JSON.parse(await text(process.stdin));
const decisions = [];
for (const [role, action, resource] of asks) {
  const account = resource.split(":")[4] || "123456789012";
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::123456789012:role/${role}`,
        action,
        resource: { resource, accountId: account },
        contextVariables: {},
      },
      identityPolicies: policies[role].map((policy, n) => ({ name: `${role}-${n}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      // A KMS key is nobody's unless its own policy says so.
      resourcePolicy: action.startsWith("kms:") ? key_policy : undefined,
    },
    {},
  );
  decisions.push(answer.overallResult ?? `error: ${JSON.stringify(answer.errors)}`);
}
process.stdout.write(JSON.stringify(decisions));
