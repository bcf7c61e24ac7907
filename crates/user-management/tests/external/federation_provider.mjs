// The provider of npm's oidc-provider on a free port, strict about PKCE; its first line is its issuer.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: process.argv[2],
    client_secret: process.argv[3],
    redirect_uris: ['http://localhost:3000/api/users/auth/oidc/test/callback'],
  }],
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id, name: 'Анна Петрова', email: `${id}@example.com`, email_verified: true, groups: ['buh'],
    }),
  }),
});
server.on('request', provider.callback());
console.log(issuer);
