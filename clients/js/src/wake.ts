import type { Environment } from "./environment.js";

/** What the client does when the page sleeps and wakes. */
export interface PageHooks {
  /** The page is about to be stored or frozen: a connection would be lost without notice. */
  sleep(): void;
  /** The page is back, visible, or online. These events are hints only. */
  wake(): void;
}

/** Listens to the page's events. The result removes all listeners. */
export function watchPage({ window, document }: Environment, { sleep, wake }: PageHooks): () => void {
  const wakeIfVisible = () => {
    if (document?.visibilityState !== "hidden") wake();
  };
  const listeners = Object.entries({
    online: wake, offline: wake, pageshow: wake, resume: wake, visibilitychange: wakeIfVisible, pagehide: sleep, freeze: sleep,
  });
  // Events of the document pass the window while they are captured.
  for (const [type, listener] of listeners) window?.addEventListener(type, listener, true);
  return () => {
    for (const [type, listener] of listeners) window?.removeEventListener(type, listener, true);
  };
}
