/* Compose the overlay for download as it is displayed: the photograph, and its labels at the chosen opacity. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-overlay]");
  if (!button) return;
  const stack = button.closest("figure");
  const photograph = stack.querySelector(".photograph");
  const layer = stack.querySelector(".layer");
  const canvas = document.createElement("canvas");
  canvas.width = photograph.naturalWidth;
  canvas.height = photograph.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(photograph, 0, 0);
  context.globalAlpha = Number(getComputedStyle(document.documentElement).getPropertyValue("--opacity"));
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, 0, 0, canvas.width, canvas.height);
  const content = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = button.dataset.overlay;
  link.click();
  URL.revokeObjectURL(link.href);
});
