/** Whether `npm run test:all` runs, which has all cases and sizes; `npm test` has those that tell most in minutes. */
export const IS_ALL: boolean = process.env.FLEDGE_TEST === "all";
