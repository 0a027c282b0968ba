export default function setup(): void {
  // The tests describe what happens whatever the developer's environment says; these variables change what is built.
  for (const name of ["SOURCE_DATE_EPOCH", "FLEDGE_CACHE_DIR", "GITHUB_TOKEN", "NODE_ENV"]) delete process.env[name];
}
