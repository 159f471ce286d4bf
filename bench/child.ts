import { longSubjects, subjects } from "./subjects.js";

/** Measures the subject named on the command line and sends its rows to the parent process. */
const subject = { ...subjects, ...longSubjects }[process.argv[2] ?? ""];
if (subject === undefined || process.send === undefined) throw new Error("run `npm run bench` instead");
process.send(await subject());
process.disconnect();
