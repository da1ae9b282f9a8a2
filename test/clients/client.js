#!/usr/bin/env node
/*
 * Orders with node-postgres.
 *
 * client.js show USER         shows how ids, money, times and errors arrive
 * client.js buy USER [KEY]    buys a product; only with a key is a repeat safe
 *
 * The environment says which database: PGHOST, PGDATABASE and so on.
 */
'use strict';

const assert = require('assert').strict;
const { DatabaseError, Pool, types } = require('pg');

const ATTEMPTS = 10;
const JSONB = 3802;

// Without these listeners, a connection lost between two queries ends the program.
const pool = new Pool();
pool.on('error', () => {});
pool.on('connect', client => client.on('error', () => {}));

// node-postgres gives bigint and numeric columns as strings, since a JavaScript number
// would round them, but leaves jsonb to JSON.parse, which rounds. So numbers inside
// jsonb become strings here as well. The first alternative steps over strings.
const exact = text =>
    JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?/g, token => token[0] === '"' ? token : `"${token}"`));
types.setTypeParser(JSONB, exact);

// Can the same request succeed later? A PTxyz is an answer, and stays what it is. What
// is not from the server at all is a lost connection.
const mayRepeat = error =>
    !(error instanceof DatabaseError) || /^(40001|40P01|55P03|08...|57...)$/.test(error.code);

// Does the work in a transaction; after a failure that may pass, all of it again.
async function inTransaction(work) {
    for (let attempt = 1; ; attempt++) {
        let client, failure;
        try {
            client = await pool.connect();
            await client.query('BEGIN');
            const result = await work(client);
            await client.query('COMMIT');
            return result;
        } catch (error) {
            failure = error;
            if (attempt === ATTEMPTS || !mayRepeat(error))
                throw error;
        } finally {
            // After a failure the pool throws the connection away.
            client?.release(failure);
        }
        console.log(`${failure instanceof DatabaseError ? failure.code : 'connection lost'}, again`);
        await new Promise(resume => setTimeout(resume, Math.random() * Math.min(1000, 20 * 2 ** attempt)));
    }
}

async function buy(client, user, key) {
    await client.query('SELECT ecommerce.add_to_cart(user_id => $1, product_id => 1, quantity => 3)', [user]);
    const { rows: [{ order }] } = await client.query(
        'SELECT ecommerce.place_order(user_id => $1, idempotency_key => $2, expected_amount => $3) AS "order"',
        [user, key, '0.30']);
    // An earlier attempt did it all, so what this one put into the cart must not stay.
    if (order.replayed)
        await client.query('ROLLBACK');
    return order;
}

async function listing(client, user) {
    const { rows: [row] } = await client.query(
        `SELECT ecommerce.order_listing_json(user_id => $1, page_size => 20) AS orders,
                ecommerce.order_listing_json(user_id => $1, page_size => 20)::text AS raw`, [user]);
    return row;
}

async function show(user) {
    const order = await inTransaction(client => buy(client, user, 'shown'));
    const again = await inTransaction(client => buy(client, user, 'shown'));
    assert(!order.replayed && again.replayed && again.id === order.id);

    const { orders, raw } = await inTransaction(client => listing(client, user));
    assert.deepEqual(orders.map(listed => listed.id), [order.id]);
    const [rounded] = JSON.parse(raw);

    // Ids are strings, which is how bigint columns arrive; JSON.parse would give another id.
    const { rows: [column] } = await inTransaction(client =>
        client.query('SELECT id, order_amount, order_date FROM ecommerce.orders WHERE customer_id = $1', [user]));
    assert(order.id === column.id && BigInt(order.id) > 2n ** 53n);
    assert.notEqual(BigInt(rounded.id), BigInt(order.id));

    // Money is strings, for a decimal library or for the database to reckon with.
    const [line] = order.order_details;
    assert(line.unit_price === '0.10' && line.line_amount === '0.30' && column.order_amount === '0.30');
    assert.notEqual(rounded.order_details[0].unit_price * 3, 0.3);

    // Times are strings with the offset of the session's time zone, to the microsecond;
    // columns are Date, to the millisecond.
    assert.equal(new Date(order.order_date).getTime(), column.order_date.getTime());

    // Errors carry everything; what they are about is JSON in the detail.
    await assert.rejects(
        inTransaction(client => client.query('SELECT ecommerce.place_order(user_id => $1)', [user])),
        error => {
            assert(error instanceof DatabaseError && !mayRepeat(error));
            assert.equal(error.code, 'PT404');
            assert.equal(error.message, 'cart is empty');
            assert.deepEqual(exact(error.detail), { code: 'empty_cart', user_id: user });
            assert.equal(error.hint, 'Put a product into the cart with add_to_cart.');
            return true;
        });
}

async function main([command, user, key]) {
    if (command === 'show')
        return show(user);
    const order = await inTransaction(client => buy(client, user, key));
    console.log(`replayed ${order.replayed}`);
}

main(process.argv.slice(2)).catch(error => {
    console.error(error);
    process.exitCode = 1;
}).finally(() => pool.end());
