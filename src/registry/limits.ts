/** Of one JSON document of an image. */
export type DocumentLimits = { readonly maxDocumentBytes: number; readonly maxDocumentDepth: number };

/** Of one image beside its layers. */
export type ImageLimits = DocumentLimits & { readonly maxLayers: number };

// Registries may refuse manifests from 4 MiB on (distribution-spec).
export const DEFAULT_IMAGE_LIMITS: ImageLimits = {
  maxLayers: 500,
  maxDocumentBytes: 4 * 2 ** 20,
  maxDocumentDepth: 100,
};
