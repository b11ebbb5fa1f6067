// Repeats a question while a view is shown.

/** Returns show() and hide(). ask is awaited before the pause begins. */
export function poll(ask, pause) {
  let timer;
  let shown = false;
  const run = async () => {
    await ask();
    if (shown) timer = setTimeout(run, pause);
  };
  return {
    show() {
      if (shown) return;
      shown = true;
      run();
    },
    hide() {
      shown = false;
      clearTimeout(timer);
    },
  };
}
