/** The folders, packages and server of a run, for everything that it starts. */
export interface Site {
  /** A folder in the system's temporary folder. */
  readonly temporary: string;
  /** A folder on a file system in memory, if there is one. */
  readonly fast: string;
  /** The folder with the packages of rivals; `undefined` if they are not installed. */
  readonly packages: string | undefined;
  /** The address of a private Redis server; `undefined` if there is none. */
  readonly redis: string | undefined;
}
