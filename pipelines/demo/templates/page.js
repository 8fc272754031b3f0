/* The overlay is put together here, as it is seen: the photograph, and its labels at the opacity chosen. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-overlay]");
  if (!button) return;
  const stack = button.closest("figure");
  const photograph = stack.querySelector(".photograph");
  const layer = stack.querySelector(".layer");
  const canvas = document.createElement("canvas");
  canvas.width = photograph.naturalWidth;
  canvas.height = photograph.naturalHeight;
  const pen = canvas.getContext("2d");
  pen.drawImage(photograph, 0, 0);
  pen.globalAlpha = Number(getComputedStyle(document.documentElement).getPropertyValue("--opacity"));
  pen.imageSmoothingEnabled = false;
  pen.drawImage(layer, 0, 0, canvas.width, canvas.height);
  const content = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = button.dataset.overlay;
  link.click();
  URL.revokeObjectURL(link.href);
});
