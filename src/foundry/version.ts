/** This package's version, as package.json has it. */
export const packageVersion = "0.1.0";

/** The version of the container contract that this package keeps to. */
export const containerProtocolVersion = "2.0.0";
