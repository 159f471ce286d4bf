// Coming back proves nothing: whether permission was given shows when the agent asks Entra again.
const outcome = location.pathname.endsWith("/refused") ? "refused" : "returned";
if (outcome === "refused") {
  document.getElementById("title").textContent = "You did not give permission";
  document.getElementById("text").textContent = "Nothing was done. You can close this tab.";
}
new BroadcastChannel("consent").postMessage(outcome);
