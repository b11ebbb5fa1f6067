export { createGateway, type Gateway, type GatewayOptions, type RequestOptions } from "./gateway/client.js";
export { GatewayError } from "./gateway/error.js";
export type { Upload } from "./gateway/upload.js";
export type { components, operations, paths } from "./gateway/openapi.generated.js";
