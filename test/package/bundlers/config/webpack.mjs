/** webpack in production mode, without its command line: `node webpack.mjs <output folder>`. */
import webpack from "webpack";

const config = {
  mode: "production",
  target: "node",
  entry: "./main.js",
  output: { path: process.argv[2], filename: "main.cjs" },
};

webpack(config, (failure, stats) => {
  if (failure === null && !stats.hasErrors()) return;
  console.error(failure ?? stats.toString("errors-only"));
  process.exitCode = 1;
});
