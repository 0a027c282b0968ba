import type { Command } from "../commands.ts";
import { BUILDER_FLAGS } from "../flags.ts";
import type { ServeArgs } from "../serve-options.ts";

export const serve: Command = {
  meta: { name: "serve", description: "Build for others: a service with a queue, and a page to look at" },
  args: {
    listen: {
      type: "string",
      valueHint: "HOST:PORT",
      description: "Address to listen at, for those with a token (default: a socket of this user's)",
    },
    socket: {
      type: "string",
      valueHint: "PATH",
      description: "Socket to listen at (default: $XDG_RUNTIME_DIR/fledge.sock, else in the folder of --state)",
    },
    state: {
      type: "string",
      valueHint: "DIR",
      description: "Where builds are kept (default: $XDG_STATE_HOME/fledge, else ~/.local/state/fledge)",
    },
    tokens: {
      type: "string",
      valueHint: "FILE",
      description: "Tokens of those who may build; only their digests are in it",
    },
    "new-token": {
      type: "string",
      valueHint: "NAME",
      description: "Add a token to the file of --tokens, print it, and end",
    },
    root: {
      type: "string",
      valueHint: "DIR",
      description: "Folder below which projects may be built where they are; may be given several times",
    },
    host: {
      type: "string",
      valueHint: "NAME",
      description: "Another name that requests may ask for, as a proxy's; may be given several times",
    },
    "max-queue": { type: "string", valueHint: "N", description: "Builds that may wait", default: "100" },
    "max-body": {
      type: "string",
      valueHint: "SIZE",
      description: "Largest project that is taken, as it is sent",
      default: "1G",
    },
    "max-project": {
      type: "string",
      valueHint: "SIZE",
      description: "Largest project that is taken, unpacked",
      default: "4G",
    },
    keep: { type: "string", valueHint: "N", description: "Builds that have ended and are kept", default: "100" },
    "keep-for": { type: "string", valueHint: "TIME", description: "How long they are kept", default: "7d" },
    ...BUILDER_FLAGS,
  },
  examples: [
    ["", "for this user, at a socket that nobody else can open"],
    ["--tokens tokens --new-token ann", "a token for ann, which is shown once"],
    ["--listen 0.0.0.0:8480 --tokens tokens", "for a team; put a proxy with TLS before it"],
    ["--listen 127.0.0.1:8480 --tokens tokens --root /srv/plugins", "projects of this machine too, by their path"],
    ["--declarative --timeout 10m --keep-for 1d", "for projects of others"],
  ],
  run: async ({ args }) => {
    const { runServe } = await import("../serve.ts");
    return await runServe(args as unknown as ServeArgs);
  },
};
