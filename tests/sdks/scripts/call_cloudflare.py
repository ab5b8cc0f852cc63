from cloudflare import Cloudflare

print(Cloudflare().zones.list().result[0].name)
