/**
 * The only script: it copies the code and counts its time down. Without it the code can be marked, and the page says how
 * long it works. Its texts are attributes of the elements, so that it is the same for everybody and its hash is known.
 */
export const codeScript = `
const one = (name) => document.getElementById(name);
const [code, copy, left, over] = ["code", "copy", "left", "over"].map(one);
if (navigator.clipboard) {
  const label = copy.textContent;
  copy.hidden = false;
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent.trim());
      copy.textContent = one("copied").textContent = copy.dataset.done;
      setTimeout(() => { copy.textContent = label; one("copied").textContent = ""; }, 3000);
    } catch { getSelection().selectAllChildren(code); }
  };
}
const end = Date.now() + Number(left.dataset.ms);
const tick = () => {
  const s = Math.max(0, Math.ceil((end - Date.now()) / 1000));
  left.textContent = left.dataset.text.replace("{time}", Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0"));
  if (s > 0) return;
  clearInterval(timer);
  over.textContent = over.dataset.text;
  for (const gone of [code, copy, left]) gone.hidden = true;
};
const timer = setInterval(tick, 1000);
left.hidden = false;
tick();
`;
