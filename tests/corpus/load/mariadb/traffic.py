"""Writes one client's statements to standard output at an even pace, for `mariadb` to read. The same arguments give the same text.

Usage: traffic.py storefront|checkout|billing|reporting SEED STATEMENTS SECONDS
"""
import random
import sys
import time


def storefront(draw):
    product, customer = draw.randint(1, 500), draw.randint(1, 2000)
    yield f"SELECT id, sku, title, price FROM products WHERE id = {product};"
    yield (f"SELECT p.id, p.title\n\tFROM products p\n\tWHERE p.price BETWEEN {draw.randint(1, 9)} AND 20.50\n"
           f"\n\tORDER BY p.price, p.id LIMIT {draw.choice([10, 20])} OFFSET {draw.randint(0, 9) * 20};")
    yield f"SELECT id, placed_at FROM orders WHERE customer_id = {customer} ORDER BY placed_at DESC LIMIT 5;"
    ids = ", ".join(str(draw.randint(1, 500)) for _ in range(draw.randint(1, 8)))
    yield (f"SELECT COUNT(*) FROM products WHERE id IN ({ids}) "
           "/*application='storefront',controller='products',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/;")


def checkout(draw):
    product, customer, order = draw.randint(1, 500), draw.randint(1, 2000), "LAST_INSERT_ID()"
    yield "START TRANSACTION;"
    yield f"SELECT stock, price FROM products WHERE id = {product} FOR UPDATE;"
    yield f"INSERT INTO orders (customer_id, note) VALUES ({customer}, 'leave at the neighbour''s door; ring \\'twice\\'');"
    yield f"INSERT INTO order_items (order_id, product_id, quantity, price) VALUES ({order}, {product}, {draw.randint(1, 4)}, 9.99);"
    yield f"UPDATE products SET stock = stock - 1 WHERE id = {product};"
    yield "COMMIT;"


def billing(draw):
    source, target, amount = draw.randint(3, 10), draw.randint(11, 20), draw.randint(100, 9999) / 100
    yield "BEGIN;"
    yield f"UPDATE accounts SET balance = balance - {amount} WHERE id = {source};"
    yield f"UPDATE accounts SET balance = balance + {amount} WHERE id = {target};"
    yield f'INSERT INTO invoices (account_id, amount, memo) VALUES ({source}, {amount}, "transfer of ""{amount}"" EUR");'
    yield "COMMIT;"


def reporting(draw):
    yield ("-- revenue by country\nSELECT c.country,\n       COUNT(DISTINCT o.id) AS orders,\n       SUM(i.quantity * i.price) AS revenue\n"
           "FROM orders o\nJOIN customers c ON c.id = o.customer_id\nJOIN order_items i ON i.order_id = o.id\n"
           f"WHERE o.placed_at > NOW() - INTERVAL {draw.randint(1, 20)} DAY\nGROUP BY c.country\nORDER BY revenue DESC;")
    yield "SELECT state, COUNT(*), AVG(customer_id) FROM orders WHERE note IS NULL OR note LIKE '%door%' GROUP BY state;"


def main() -> None:
    kind, seed, n_statements, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    draw = random.Random(seed)
    make = {"storefront": storefront, "checkout": checkout, "billing": billing, "reporting": reporting}[kind]
    begin, written = time.monotonic(), 0
    while written < n_statements:
        for statement in make(draw):
            print(statement, flush=True)
            written += 1
        time.sleep(max(0.0, begin + seconds * written / n_statements - time.monotonic()))


main()
