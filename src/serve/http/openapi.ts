import { z } from "zod";
import { fledgeVersion } from "../../lib/version.ts";
import { requestSchema } from "../request.ts";
import {
  buildSchema,
  buildsSchema,
  errorSchema,
  eventSchema,
  folderBuildSchema,
  originalBuildSchema,
  originalResultSchema,
  submittedSchema,
  ticketSchema,
} from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** The description of the service in OpenAPI 3.1, whose schemas are those that requests are checked with. */
export function openapi(): Json {
  return {
    openapi: "3.1.0",
    info: { title: "fledge serve", version: fledgeVersion(), description: "Builds plugins of microVMs." },
    security: [{ bearer: [] }, { apiKey: [] }],
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
      responses: { error: { description: "What failed, why, and what to do next", ...json(errorSchema) } },
    },
    paths: {
      "/v1/builds": { post: submit, get: operation("All builds that are kept", buildsSchema) },
      "/v1/builds/{id}": {
        parameters: [ID],
        get: operation("One build", buildSchema),
        delete: operation("Ends a build in whichever state it is", buildSchema),
      },
      "/v1/builds/{id}/events": { parameters: [ID], get: events },
      "/v1/builds/{id}/artifact": { parameters: [ID], get: download("The artifact; ranges and If-None-Match work") },
      "/v1/builds/{id}/manifest": { parameters: [ID], get: download("The manifest that Volant installs") },
      "/v1/builds/{id}/ticket": { parameters: [ID], post: operation("A link to download by", ticketSchema) },
      "/v1/build": {
        post: {
          ...operation("As in the Go original: builds a config and answers when it is done", originalResultSchema),
          requestBody: { required: true, ...json(originalBuildSchema) },
        },
      },
      "/v1/healthz": { get: plain("As in the Go original") },
      "/healthz": { get: plain("The process answers") },
      "/readyz": { get: plain("Builds can be submitted") },
      "/metrics": { get: plain("For Prometheus") },
      "/v1/openapi.json": {
        get: { summary: "This", security: [], responses: { 200: { description: "OpenAPI 3.1" } } },
      },
    },
  };
}

const ID = { name: "id", in: "path", required: true, schema: { type: "string" } };

const failures = { default: { $ref: "#/components/responses/error" } };

const events = {
  summary: "What happens, from the beginning or behind Last-Event-ID, until the build has ended",
  parameters: [{ name: "Last-Event-ID", in: "header", schema: { type: "integer" } }],
  responses: {
    200: {
      description: "Events, their data as JSON",
      content: { "text/event-stream": { schema: schemaOf(eventSchema) } },
    },
    ...failures,
  },
};

const submit = {
  summary:
    "Builds a project: a tar of it (gzip too), options in the URL; or a folder of the service's machine, in JSON",
  parameters: [
    { name: "Idempotency-Key", in: "header", schema: { type: "string", maxLength: 200 } },
    ...Object.entries(requestSchema.shape).map(([name, schema]) => ({ name, in: "query", schema: schemaOf(schema) })),
  ],
  requestBody: {
    required: true,
    content: {
      "application/x-tar": { schema: { type: "string", format: "binary" } },
      "application/json": { schema: schemaOf(folderBuildSchema) },
    },
  },
  responses: { 202: { description: "It is queued or runs", ...json(submittedSchema) }, ...failures },
};

function operation(summary: string, schema: z.ZodType): Json {
  return { summary, responses: { 200: { description: summary, ...json(schema) }, ...failures } };
}

function download(summary: string): Json {
  const content = { "application/octet-stream": { schema: { type: "string", format: "binary" } } };
  return {
    summary,
    responses: { 200: { description: summary, content }, 206: { description: "A part", content }, ...failures },
  };
}

function plain(summary: string): Json {
  return {
    summary,
    responses: { 200: { description: summary, content: { "text/plain": { schema: { type: "string" } } } } },
  };
}

function json(schema: z.ZodType): Json {
  return { content: { "application/json": { schema: schemaOf(schema) } } };
}

/** What is sent: what has a default may be left out. */
function schemaOf(schema: z.ZodType): Json {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
}
