/**
 * What a person sees at the authorization server: one page that asks, for the browser and for the device flow. Decides that
 * whoever allows is `ada`; everything else about the flows is oidc-provider's.
 */

import type { Configuration, KoaContextWithOIDC, Provider } from "oidc-provider"
import { peekBody } from "./body.ts"

const ACCOUNT = "ada"
const PATH = "/interaction/"

/** Where a person is sent. */
export const interactions: NonNullable<Configuration["interactions"]> = {
  url: (_, { uid }) => `${PATH}${uid}`,
}

/** The pages of the device flow, bare. */
export const deviceFlow: NonNullable<NonNullable<Configuration["features"]>["deviceFlow"]> = {
  enabled: true,
  userCodeInputSource: (ctx, form, _, error) =>
    page(ctx, error === undefined ? form : "<p>not signed in</p>"),
  userCodeConfirmSource: (ctx, form) => page(ctx, form),
  successSource: (ctx) => page(ctx, "<p>signed in</p>"),
}

/** Serves the page and takes its answer, `allow` or `deny`. */
export function serveInteractions(provider: Provider, scope: string): void {
  provider.use(async (context, next) => {
    const ctx = context as KoaContextWithOIDC
    if (!ctx.path.startsWith(PATH)) return next()
    if (ctx.method === "GET") return page(ctx, FORM)
    const answer = new URLSearchParams((await peekBody(ctx.req)) ?? "").get("answer")
    ctx.respond = false
    await finish(provider, ctx, scope, answer === "allow")
    return undefined
  })
}

const FORM = `<form method="post"><input type="hidden" name="answer" value="allow"/><button>go on</button></form>`

async function finish(
  provider: Provider,
  { req, res }: KoaContextWithOIDC,
  scope: string,
  allowed: boolean,
): Promise<void> {
  if (!allowed) {
    return provider.interactionFinished(req, res, { error: "access_denied" })
  }
  const { params } = await provider.interactionDetails(req, res)
  const grant = new provider.Grant({ accountId: ACCOUNT, clientId: String(params["client_id"]) })
  grant.addOIDCScope(scope)
  const grantId = await grant.save()
  await provider.interactionFinished(req, res, {
    login: { accountId: ACCOUNT },
    consent: { grantId },
  })
}

function page(ctx: KoaContextWithOIDC, body: string): void {
  ctx.type = "html"
  ctx.body = `<!doctype html><title>sign in</title>${body}`
}
