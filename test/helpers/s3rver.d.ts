declare module "s3rver" {
  type Context = {
    readonly method: string;
    readonly query: Readonly<Record<string, string | undefined>>;
    body: string;
  };

  /** What of the server, an application of Koa, the tests use. */
  export default class S3rver {
    readonly middleware: ((ctx: Context, next: () => Promise<void>) => Promise<void>)[];
    constructor(options: {
      readonly port: number;
      readonly address: string;
      readonly silent: boolean;
      readonly directory: string;
      readonly configureBuckets: readonly { readonly name: string; readonly configs: readonly string[] }[];
    });
    run(): Promise<{ readonly port: number }>;
    close(): Promise<void>;
  }
}
