// A real OpenID provider on loopback: `node provider.mjs '{"port": 9000, "redirect": "http://…/callback/", "seconds": 30}'`.
// Whoever types a name at its form is that person, name@example.com. Prints "ready" when it listens.
import Provider from "oidc-provider";

const asked = JSON.parse(process.argv[2]);
const provider = new Provider(`http://127.0.0.1:${asked.port}`, {
  clients: [
    {
      client_id: "webui",
      client_secret: "the-client-secret",
      redirect_uris: [asked.redirect],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: asked.method ?? "client_secret_basic",
    },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  cookies: { keys: ["cookies-of-a-test"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `Person ${id}` }),
  }),
  issueRefreshToken: async () => true,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: { AccessToken: asked.seconds, Grant: 3600, IdToken: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
});
provider.listen(asked.port, "127.0.0.1", () => console.log("ready"));
