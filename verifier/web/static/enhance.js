// Makes the form quicker to use. Without this script everything works the same by its button.
"use strict";

for (const element of document.querySelectorAll(".scripted")) element.hidden = false;

const announce = (near, text) => {
  const status = near.querySelector(".status");
  if (status) status.textContent = text;
};

for (const form of document.querySelectorAll("form.check")) {
  const file = form.elements.file;
  const photo = form.elements.photo;
  const words = form.dataset;

  const send = () => form.requestSubmit();

  // A file that is too large is not sent for minutes only to be refused.
  const fits = () =>
    [file, photo].every((input) =>
      [...input.files].every((chosen) => chosen.size <= Number(words.maxBytes)));

  form.addEventListener("submit", (event) => {
    if (!fits()) {
      event.preventDefault();
      announce(form, words.tooLarge);
      return;
    }
    announce(form, words.working);
    // After the browser has read the form: what is disabled would not be sent.
    setTimeout(() => { form.querySelector("button[type=submit]").disabled = true; });
  });

  photo.addEventListener("change", () => { if (photo.files.length) send(); });

  const take = (files) => {
    const one = new DataTransfer();
    one.items.add(files[0]);
    file.files = one.files;
    form.elements.text.value = "";
    photo.value = "";
    send();
  };

  const zone = form.querySelector(".drop");
  const carriesFiles = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  });

  addEventListener("paste", (event) => {
    const files = event.clipboardData ? event.clipboardData.files : [];
    if (!files.length) return; // text goes where the cursor is
    event.preventDefault();
    announce(form, words.pasted);
    take(files);
  });
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      announce(button.closest("section"), button.dataset.copied);
    } catch {
      const shown = button.parentElement.querySelector("pre");
      getSelection().selectAllChildren(shown); // no permission: ready to be copied by hand
    }
  });
}

// A browser that comes back to the page by its history shows the button as it was left.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[type=submit]")) button.disabled = false;
});
