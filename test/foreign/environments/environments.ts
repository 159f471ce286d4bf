import { fileURLToPath } from "node:url";
import { install } from "../../hosts/install.js";
import { node24 } from "../../node24/newer-node.js";
import { goServer, type GoProgram } from "./go.js";
import { pythonEnvironment, type PythonEnvironmentName } from "./python.js";

/** What foreign software is installed into; each is made when it is first asked for. */
export interface Environments {
  /** The interpreter of an environment. */
  python(name: PythonEnvironmentName): Promise<string>;
  /** The packages of `test/foreign/npm`, installed, and the Node that runs them. */
  npm(): Promise<NpmEnvironment>;
  /** The conformance server of the Go SDK. */
  go(): Promise<GoProgram>;
}

export interface NpmEnvironment {
  readonly node: string;
  readonly folder: string;
}

const npmFolder = fileURLToPath(new URL("../npm", import.meta.url));
const made = new Map<string, Promise<unknown>>();

export const environments: Environments = {
  go: () => once("go", goServer),
  python: (name) => once(`python ${name}`, () => pythonEnvironment(name)),
  npm: () =>
    once("npm", async () => {
      await install(npmFolder);
      return { node: await node24(), folder: npmFolder };
    }),
};

/** Two counterparts that want the same wait for the same. */
function once<T>(name: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(name) as Promise<T> | undefined;
  if (known !== undefined) return known;
  const making = make();
  made.set(name, making);
  return making;
}
