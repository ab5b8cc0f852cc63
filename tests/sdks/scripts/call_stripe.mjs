import Stripe from "stripe";

console.log((await new Stripe(process.env.STRIPE_SECRET_KEY).customers.create({ name: "Ada" })).id);
