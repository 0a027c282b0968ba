/** What the author of a preset or a config needs to test it, with any test runner. Imported as `@volantvm/fledge/testing`. */
export { bootForTest, type TestBootOptions, type TestBootSubject, type TestGuest, type Within } from "./boot.ts";
export { buildForTest, type TestBuild, type TestBuildOptions, type TestTree } from "./build.ts";
export { imageForTest, type TestFile, type TestImage, type TestImageOptions, testProgram } from "./image.ts";
