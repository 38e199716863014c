"use strict";
for (const slider of document.querySelectorAll("[data-slider]")) {
  const input = slider.querySelector("input");
  const output = slider.querySelector("output");
  const frames = document.getElementById(input.id + "-frames").querySelectorAll("[data-frame]");
  const names = Array.from(frames, (frame) => (frame.querySelector("caption, .frame") || frame).textContent);
  const show = () => {
    const now = Number(input.value) - 1;
    frames.forEach((frame, place) => { frame.hidden = place !== now; });
    output.textContent = names[now];
    input.setAttribute("aria-valuetext", names[now]);
  };
  input.addEventListener("input", show);
  slider.hidden = false;
  show();
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = Array.from(document.querySelectorAll("details:not([open])"));
  opened.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
