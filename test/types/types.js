#!/usr/bin/env node
/*
 * types.js make              makes TypeScript of the schema that it reads from standard input
 * types.js use FILE          makes a program that gives the answers in FILE, as schemas.py
 *                            sample prints them, their types, and mistakes that must be found
 *
 * With json-schema-to-typescript in NODE_PATH.
 */
'use strict';

const fs = require('fs');

const banner = `/*
 * What the functions of ecommerce answer with: made of the schemas in docs/schema by
 * json-schema-to-typescript. Answers['cart_json'] is what cart_json() returns, and
 * ErrorDetail what JSON.parse() makes of the DETAIL of an error.
 */`;

async function make() {
    const { compile } = require('json-schema-to-typescript');
    const types = await compile(JSON.parse(fs.readFileSync(0)), 'Answers', {
        additionalProperties: false, bannerComment: banner, unreachableDefinitions: true,
        style: { singleQuote: true, tabWidth: 4, printWidth: 100 },
    });
    // The generator tells where in the schema a type comes from, as a comment of its own
    // or at the end of another.
    process.stdout.write(types
        .replace(/\/\*\*\n \* This interface was referenced by [^/]*\*\/\n/g, '')
        .replace(/ \*\n \* This interface was referenced by [^/]*(?= \*\/\n)/g, ''));
}

function use(file) {
    const type = name => name === 'error' ? 'ErrorDetail' : `Answers['${name}']`;
    const lines = ["import type { Answers, ErrorDetail, Order } from './ecommerce';"];
    for (const [name, answers] of Object.entries(JSON.parse(fs.readFileSync(file))))
        lines.push(...answers.map(answer => `(${JSON.stringify(answer)}) satisfies ${type(name)};`));
    lines.push(
        'declare const order: Order, detail: ErrorDetail;',
        'order.order_details[0]!.product_order_details.category?.name.length.toFixed();',
        "if (detail.code === 'amount_changed') detail.order_amount.toFixed(2);",
        '// @ts-expect-error', 'order.total;',
        '// @ts-expect-error', 'order.order_amount.length;',
        '// @ts-expect-error', 'order.address.city;',
        '// @ts-expect-error', "order.order_status === 'LOST';",
        '// @ts-expect-error', 'detail.order_amount;',
        '// @ts-expect-error', "({ ...order, currency: null }) satisfies Order;",
        '// @ts-expect-error', "({ code: 'empty_cart' }) satisfies ErrorDetail;");
    process.stdout.write(lines.join('\n') + '\n');
}

if (process.argv[2] === 'make')
    make();
else
    use(process.argv[3]);
