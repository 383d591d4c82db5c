/** Configures oidc-provider: clients, lifetimes, endpoints, and silence on the console. The only place that does. */

import { generateKeyPairSync, randomBytes } from "node:crypto"
import { errors, Provider, type Configuration } from "oidc-provider"
import { deviceFlow, interactions, serveInteractions } from "./interactions.ts"
import type { TokenStore } from "./store.ts"
import type { AuthorizationServerKnobs, RegisteredClient } from "./types.ts"

export const SCOPE = "openid offline_access"

export const CLIENTS: {
  readonly public: RegisteredClient
  readonly basic: RegisteredClient
  readonly post: RegisteredClient
} = {
  public: { clientId: "quorate-public", clientSecret: null },
  // A colon, a percent sign and a space: what `client_secret_basic` must encode (RFC 6749 §2.3.1).
  basic: { clientId: "quorate-basic", clientSecret: "s3cret:100% of basic" },
  post: { clientId: "quorate-post", clientSecret: "s3cret:100% of post" },
}

/** What the real server answers as `invalid_grant`. */
export const refusal = (detail: string): Error => new errors.InvalidGrant(detail)

const DAY_SECONDS = 86_400
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

export function createProvider(
  issuer: string,
  store: TokenStore,
  knobs: AuthorizationServerKnobs,
): Provider {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const configuration: Configuration = {
    adapter: (model) => store.adapter(model),
    clients: [
      clientMetadata(CLIENTS.public, "none"),
      clientMetadata(CLIENTS.basic, "client_secret_basic"),
      clientMetadata(CLIENTS.post, "client_secret_post"),
    ],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig" }] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    scopes: SCOPE.split(" "),
    claims: { openid: ["sub"] },
    findAccount: (_, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    interactions,
    rotateRefreshToken: () => knobs.rotate,
    revokeGrantPolicy: () => true,
    // The default prints a notice; and an HTML page is of no use to a client.
    renderError(ctx, out) {
      ctx.type = "application/json"
      ctx.body = out
    },
    ttl: {
      AccessToken: () => knobs.accessTokenTtlSeconds,
      RefreshToken: () => knobs.refreshTokenTtlSeconds,
      IdToken: () => knobs.accessTokenTtlSeconds,
      Grant: () => 365 * DAY_SECONDS,
      AuthorizationCode: () => 60,
      DeviceCode: () => 600,
      Interaction: () => 600,
      Session: () => DAY_SECONDS,
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow,
      rpInitiatedLogout: { enabled: false },
      introspection: {
        enabled: true,
        allowedPolicy: (_, client, token) => token.clientId === client.clientId,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_, client, token) => token.clientId === client.clientId,
      },
    },
  }
  const provider = new Provider(issuer, configuration)
  serveInteractions(provider, SCOPE)
  return provider
}

function clientMetadata(
  client: RegisteredClient,
  method: "none" | "client_secret_basic" | "client_secret_post",
): NonNullable<Configuration["clients"]>[number] {
  return {
    client_id: client.clientId,
    ...(client.clientSecret === null ? {} : { client_secret: client.clientSecret }),
    token_endpoint_auth_method: method,
    application_type: "native",
    grant_types: ["authorization_code", "refresh_token", DEVICE_GRANT],
    response_types: ["code"],
    redirect_uris: ["http://127.0.0.1/callback"],
    id_token_signed_response_alg: "ES256",
  }
}
