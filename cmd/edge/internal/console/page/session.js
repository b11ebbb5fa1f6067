// The teacher who is signed in, and what the demonstration's views share about that teacher.
import { createGateway } from "./client/gateway.js";
import { get } from "./api.js";
import { Device } from "./devices.js";

const mostReceipts = 500;

/** Returns the state that the demonstration's views share. It is created once. */
export function session(context) {
  return (context.shared.session ??= new Session(context));
}

class Session extends EventTarget {
  constructor(context) {
    super();
    this.context = context;
    this.teachers = context.info.demonstration.teachers;
    this.receipts = []; // what the devices have received: { correlation, device, event, id, at }
    this.correlations = []; // of requests that this page has sent, the newest first
    this.signIn(this.teachers[0].user);
  }

  /** Signs in as a teacher with two new devices. */
  signIn(user) {
    this.devices?.forEach((d) => d.close());
    const { gateway, notifications, balancer } = this.context.info.demonstration;
    this.teacher = this.teachers.find((t) => t.user === user);
    const getToken = async ({ signal } = {}) => (await get("demonstration/token?user=" + encodeURIComponent(user), signal)).token;
    this.gateway = createGateway({ url: gateway, getToken });
    const common = {
      getToken,
      openJourney: (id) => this.context.open("journey", id),
      onNotification: (device, e, at) => this.receive(device, e, at),
      onGap: (device, gap) => this.tell("gap", { device, gap }),
      onState: (device, state, text) => this.tell("state", { device, state, text }),
    };
    this.devices = [
      new Device({ name: "Phone", url: notifications, ...common }),
      new Device({ name: "Laptop", url: balancer, ...common }),
    ];
    this.tell("user", {});
  }

  receive(device, e, at) {
    this.receipts.push({ correlation: e.data?.correlation_id, device: device.name, event: e.event, id: e.id, at });
    if (this.receipts.length > mostReceipts) this.receipts.shift();
    this.tell("notification", { device, e });
  }

  /** Remembers the correlation id of a request. */
  remember(correlation, what) {
    if (!correlation) return;
    this.correlations.unshift({ correlation, what });
    this.correlations.length = Math.min(this.correlations.length, 30);
    this.tell("correlation", { correlation });
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
