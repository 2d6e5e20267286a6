(() => {
  const keys = KEYS;
  const TEXT = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])";
  const typing = ({target, key}) => target.closest && target.closest(key.startsWith("Arrow") ? `${TEXT}, [type=range]` : TEXT);
  window.rgbtvgReady = () => requestAnimationFrame(() => requestAnimationFrame(() => { delete document.body.dataset.busy; }));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const button = document.getElementById(keys[event.key]);
    // A hidden button has no offsetParent.
    if (!button || button.offsetParent === null || (typing(event) && event.key !== "Escape")) return;
    event.preventDefault();
    button.click();
  }, true);
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("#keys button")) return;
    if (document.body.dataset.busy) {
      event.stopImmediatePropagation();
      event.preventDefault();
      return;
    }
    document.body.dataset.busy = "true";
  }, true);
})();
