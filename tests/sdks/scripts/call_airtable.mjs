import Airtable from "airtable";

console.log((await new Airtable().base("appAda")("Engines").select().firstPage())[0].get("Name"));
