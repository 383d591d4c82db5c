/** Servers that are known by their address. Decides nothing: what they do with a second use is advice for a person. */

export interface Vendor {
  readonly name: string
  readonly advice: string
}

const PER_DEVICE = "a login per device is allowed, and better than sharing one"

const VENDORS: readonly (Vendor & { readonly host: RegExp; readonly path?: RegExp })[] = [
  {
    name: "Auth0",
    host: /(?:^|\.)auth0\.com$/,
    advice: `strict unless a leeway is set, then grace:SECONDS; ${PER_DEVICE}`,
  },
  {
    name: "Okta",
    host: /(?:^|\.)(?:okta|oktapreview|okta-emea)\.com$/,
    advice: "grace:30 unless another leeway is set, where tokens rotate",
  },
  { name: "Google", host: /^accounts\.google\.com$/, advice: `multi-use; ${PER_DEVICE}` },
  {
    name: "Microsoft Entra",
    host: /^(?:login\.microsoftonline\.com|sts\.windows\.net)$/,
    advice: `multi-use; ${PER_DEVICE}`,
  },
  {
    name: "Amazon Cognito",
    host: /^cognito-idp\.[a-z0-9-]+\.amazonaws\.com$/,
    advice: "multi-use unless rotation is on, then grace with its retry period",
  },
  { name: "Supabase", host: /(?:^|\.)supabase\.co$/, advice: "confirm" },
  {
    name: "Keycloak",
    host: /./,
    path: /^(?:\/auth)?\/realms\/[^/]+/,
    advice: `multi-use unless the realm revokes refresh tokens, then strict; ${PER_DEVICE}`,
  },
]

/** Null: not known. */
export function vendorOf(address: string): Vendor | null {
  const url = URL.parse(address)
  if (url === null) return null
  const { hostname, pathname } = url
  return (
    VENDORS.find(({ host, path }) => host.test(hostname) && (path?.test(pathname) ?? true)) ?? null
  )
}
