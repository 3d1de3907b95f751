// Asks the questions on standard input through node-postgres, text and prepared; writes the answers as JSON.
const fs = require("fs");
const { Client } = require("pg");

async function main() {
    const [port, user, password, authority] = process.argv.slice(2);
    const questions = JSON.parse(fs.readFileSync(0, "utf8"));
    const ssl = { ca: fs.readFileSync(authority), servername: "localhost" };
    const client = new Client({ host: "localhost", port, user, password, database: "slowlake", ssl });
    await client.connect();
    const answers = {};
    for (const [name, text] of Object.entries(questions)) {
        const once = await client.query({ text, rowMode: "array", types: { getTypeParser: () => (value) => value } });
        const again = await client.query({ name, text, values: [], rowMode: "array", types: { getTypeParser: () => (value) => value } });
        const same = JSON.stringify(once.rows) === JSON.stringify(again.rows);
        answers[name] = same ? once.rows : [["text and prepared differ"]];
    }
    await client.end();
    process.stdout.write(JSON.stringify(answers));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
