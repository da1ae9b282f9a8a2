#!/usr/bin/env node
/*
 * Orders with postgres.js.
 *
 * postgres.js show USER         shows how ids, money, times and errors arrive
 * postgres.js buy USER [KEY]    buys a product; only with a key is a repeat safe
 *
 * The environment says which database: PGHOST, PGDATABASE and so on.
 */
'use strict';

const assert = require('assert').strict;
const postgres = require('postgres');

const ATTEMPTS = 10;

// JSON.parse rounds numbers, so those inside jsonb become strings, as columns of type bigint
// and numeric are. The first alternative steps over strings.
const exact = text =>
    JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?/g, token => token[0] === '"' ? token : `"${token}"`));

// PGOPTIONS is not read: its settings become those of the connection.
const options = Object.fromEntries((process.env.PGOPTIONS ?? '').split(/\s*-c\s*/).filter(Boolean)
    .map(word => word.trim().split('=')));
const connect = () => postgres({
    path: `${process.env.PGHOST}/.s.PGSQL.${process.env.PGPORT ?? 5432}`,
    max: 1, onnotice: () => {}, connection: options,
    types: { jsonb: { to: 3802, from: [3802], serialize: JSON.stringify, parse: exact } },
});

const isServers = error => error instanceof postgres.PostgresError;

// Can the same request succeed later? A PTxyz is an answer, and stays what it is. What is not
// from the server at all is a lost connection.
const mayRepeat = error => !isServers(error) || /^(40001|40P01|55P03|08...|57...)$/.test(error.code);

// Does the work in a transaction; after a failure that may pass, all of it again, on a new
// connection. It is no sql.begin(): where the connection is lost, that ends the program, since it
// goes on to send ROLLBACK (postgres.js 3.4).
async function inTransaction(work) {
    for (let attempt = 1; ; attempt++) {
        const sql = connect();
        try {
            const connection = await sql.reserve();
            await connection`BEGIN`;
            const result = await work(connection);
            await connection`COMMIT`;
            return result;
        } catch (error) {
            if (attempt === ATTEMPTS || !mayRepeat(error))
                throw error;
            console.log(`${isServers(error) ? error.code : 'connection lost'}, again`);
        } finally {
            await sql.end({ timeout: 0 });
        }
        await new Promise(resume => setTimeout(resume, Math.random() * Math.min(1000, 20 * 2 ** attempt)));
    }
}

const buy = (user, key) => async tx => {
    await tx`SELECT ecommerce.add_to_cart(user_id => ${user}, product_id => 1, quantity => 3)`;
    const [{ order }] = await tx`
        SELECT ecommerce.place_order(user_id => ${user}, idempotency_key => ${key ?? null}, expected_amount => ${'0.30'}) AS "order"`;
    // An earlier attempt did it all, so what this one put into the cart must not stay.
    if (order.replayed)
        await tx`ROLLBACK`;
    return order;
};

async function show(user) {
    const order = await inTransaction(buy(user, 'shown'));
    const again = await inTransaction(buy(user, 'shown'));
    assert(!order.replayed && again.replayed && again.id === order.id);

    // Ids and money are strings, as columns are; times are strings, and Date as columns.
    const sql = connect();
    const [column] = await sql`SELECT id, order_amount, order_date FROM ecommerce.orders WHERE customer_id = ${user}`;
    assert(order.id === column.id && BigInt(order.id) > 2n ** 53n);
    const [line] = order.order_details;
    assert(line.unit_price === '0.10' && line.line_amount === '0.30' && column.order_amount === '0.30');
    assert.equal(new Date(order.order_date).getTime(), column.order_date.getTime());

    await assert.rejects(sql`SELECT ecommerce.place_order(user_id => ${user})`, error => {
        assert(isServers(error) && !mayRepeat(error));
        assert.equal(error.code, 'PT404');
        assert.equal(error.message, 'cart is empty');
        assert.deepEqual(exact(error.detail), { code: 'empty_cart', user_id: user });
        assert.equal(error.hint, 'Put a product into the cart with add_to_cart.');
        return true;
    });
    await sql.end();
}

async function main([command, user, key]) {
    if (command === 'show')
        return show(user);
    const order = await inTransaction(buy(user, key));
    console.log(`replayed ${order.replayed}`);
}

main(process.argv.slice(2)).catch(error => {
    console.error(error);
    process.exitCode = 1;
});
