import { definePlugin } from "@volantvm/fledge";

// An application on a stock image of its language. Its packages are brought along in vendor/, so nothing is installed
// in the guest: pip install --target vendor --requirement app/requirements.txt
export default definePlugin({
  name: "python-flask",
  version: "1.0.0",
  strategy: "oci_rootfs",
  source: { image: "python:3.11-alpine" },
  mappings: { "./app": "/opt/app", "./vendor": "/opt/vendor" },
  manifest: {
    resources: { memoryMb: 512 },
    workload: {
      entrypoint: ["/usr/local/bin/python", "-m", "flask", "--app", "/opt/app/server.py", "run", "--host=0.0.0.0"],
      env: { PYTHONPATH: "/opt/vendor", PYTHONUNBUFFERED: "1" },
      workdir: "/opt/app",
      baseUrl: "http://127.0.0.1:5000",
    },
  },
  test: { boot: [{ until: { http: "/", contains: "Hello from a microVM" } }] },
});
