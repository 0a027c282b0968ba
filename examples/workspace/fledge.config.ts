import { defineWorkspace } from "@volantvm/fledge";

// Every folder of plugins/ is a plugin. `fledge build` builds them all, `fledge build clock` one of them.
export default defineWorkspace({ plugins: ["./plugins/*"] });
