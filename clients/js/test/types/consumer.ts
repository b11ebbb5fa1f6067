// A program that uses every entry point. It is compiled and not run.
import { connect, type Gap, type KnownNotification, type NotificationClient, type State } from "@huleedu/notifications";
import { createGateway, GatewayError } from "@huleedu/notifications/gateway";
import { NotificationsProvider, useNotification as useReact, useNotificationState } from "@huleedu/notifications/react";
import { openStream } from "@huleedu/notifications/sse";
import { createFakeService, createToken } from "@huleedu/notifications/testing";
import { createNotifications, useNotification as useVue } from "@huleedu/notifications/vue";

const client: NotificationClient = connect({
  url: "https://notifications.example.com",
  getToken: async ({ reason, signal }) => (await fetch(`/token?why=${reason}`, { signal })).text(),
});
client.on("batch_results_ready", (e) => {
  const status: string | undefined = e.data.overall_status;
  const priority: "critical" | "immediate" | "high" | "standard" | "low" = e.data.priority;
  return [status, priority, e.id];
});
client.on("a_type_of_tomorrow", (e) => {
  const data: unknown = e.data;
  return data;
});
client.onGap((gap: Gap) => gap.since);
client.onState((state: State) => state.reason === "quota");
export async function read(signal: AbortSignal) {
  for await (const e of client.events({ signal })) console.log(e.event);
}
export const sort = (e: KnownNotification) => (e.event === "class_created" ? e.data.class_id : null);

// @ts-expect-error: a documented notification has documented members
client.on("pipeline_completed", (e) => e.data.final_status.length.nothing);
// @ts-expect-error: the token is required
connect({ url: "https://notifications.example.com" });

const gateway = createGateway({ url: "https://api.example.com", getToken: () => null });
export async function status(id: string) {
  try {
    const { status, details } = await gateway.batchStatus(id);
    const accepted = await gateway.startPipeline(id, { requested_pipeline: "spellcheck" }, { idempotencyKey: "k" });
    const page = await gateway.listBatches({ limit: 10 });
    return [status, details.essays?.[0]?.filename, accepted.correlation_id, page.batches[0]?.overall_status];
  } catch (error) {
    if (error instanceof GatewayError && error.code === "RATE_LIMIT") return [error.retryAfter, error.correlationId];
    throw error;
  }
}
// @ts-expect-error: not a pipeline
gateway.startPipeline("b1", { requested_pipeline: "laundry" });

useVue("batch_results_ready", (e) => e.data.overall_status);
useReact("batch_results_ready", (e) => e.data.overall_status);
export default [openStream, createFakeService().environment, createToken("u"), NotificationsProvider, useNotificationState, createNotifications];
