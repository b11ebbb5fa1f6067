"use strict";

// Swagger UI shows the description and sends requests to this service. The token stays in
// the memory of the page.
SwaggerUIBundle({
  dom_id: "#operations",
  url: "/openapi.json",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
