import { z } from "zod";

/** `linux/amd64`, `linux/arm64/v8`, or the architecture alone. */
export const platformOptions = z
  .string()
  .regex(
    /^[a-z0-9_-]+(\/[a-z0-9_-]+(\/[a-z0-9_.-]+)?)?$/,
    'is not a platform such as "linux/amd64" or "linux/arm64/v8"',
  );
