-- The shapes of TPC-H's 22 queries. Orders are loans, line items tax returns, customers and nations firms.

-- Q1, pricing summary report
-- answered
SELECT b.class, b.open, SUM(t.late) AS sum_qty, SUM(t.vat) AS sum_base_price, AVG(t.late) AS avg_qty, AVG(t.vat) AS avg_price, COUNT(*) AS count_order
FROM bank.loans AS b JOIN tax.returns AS t USING (uscc)
WHERE t.period <= 202504
GROUP BY b.class, b.open
ORDER BY b.class, b.open;

-- Q1 with its product of columns
SELECT b.class, SUM(t.vat * (1 - t.late)) AS sum_disc_price
FROM bank.loans AS b JOIN tax.returns AS t USING (uscc)
GROUP BY b.class;

-- Q2, minimum cost supplier
SELECT r.industry, b.balance
FROM registry.firms AS r JOIN bank.loans AS b USING (uscc)
WHERE b.balance = (SELECT MIN(balance) FROM bank.loans) AND r.industry LIKE '%7'
ORDER BY b.balance DESC LIMIT 100;

-- Q3, shipping priority
SELECT b.uscc, SUM(t.vat) AS revenue, b.since
FROM bank.loans AS b JOIN tax.returns AS t USING (uscc)
WHERE b.since < DATE '2021-03-15' GROUP BY b.uscc, b.since
ORDER BY revenue DESC, b.since LIMIT 10;

-- Q3 without the key
-- answered
SELECT b.since, COUNT(DISTINCT b.uscc) AS customers, SUM(t.vat) AS revenue
FROM bank.loans AS b JOIN tax.returns AS t USING (uscc)
WHERE b.since < DATE '2021-03-15' AND t.period > 202502
GROUP BY b.since ORDER BY revenue DESC, b.since LIMIT 10;

-- Q4, order priority checking
SELECT b.class, COUNT(*) AS order_count FROM bank.loans AS b
WHERE EXISTS (SELECT * FROM tax.returns AS t WHERE t.uscc = b.uscc AND t.late > 3)
GROUP BY b.class ORDER BY b.class;

-- Q4 as a join
-- answered
SELECT b.class, COUNT(*) AS order_count
FROM bank.loans AS b
JOIN (SELECT uscc, COUNT(*) AS n FROM tax.returns WHERE late > 3 GROUP BY uscc) AS t USING (uscc)
WHERE b.since >= DATE '2020-07-01' AND b.since < DATE '2021-10-01'
GROUP BY b.class ORDER BY b.class;

-- Q5, local supplier volume
-- answered
SELECT r.industry, SUM(t.vat) AS revenue
FROM bank.loans AS b
JOIN (SELECT uscc, SUM(vat) AS vat FROM tax.returns WHERE period >= 202501 AND period < 202504 GROUP BY uscc) AS t USING (uscc)
JOIN (SELECT code AS uscc, industry, listed FROM registry.firms) AS r USING (uscc)
WHERE NOT r.listed
GROUP BY r.industry ORDER BY revenue DESC;

-- Q5 with a comma
SELECT r.industry, SUM(t.vat) AS revenue FROM bank.loans AS b, tax.returns AS t, registry.firms AS r
WHERE b.uscc = t.uscc AND r.code = b.uscc GROUP BY r.industry;

-- Q6, forecasting revenue change
-- answered
SELECT SUM(t.vat) AS revenue
FROM tax.returns AS t JOIN bank.loans AS b USING (uscc)
WHERE t.period >= 202501 AND t.period < 202505 AND t.late BETWEEN 5 - 1 AND 5 + 1 AND t.vat < 24000000000000;

-- Q7, volume shipping
-- answered
SELECT supp_nation, cust_nation, l_year, SUM(volume) AS revenue
FROM (SELECT uscc, class AS supp_nation, YEAR(since) AS l_year, huge AS volume FROM bank.loans
    WHERE since BETWEEN DATE '2020-01-01' AND DATE '2021-12-31') AS shipping
JOIN (SELECT code AS uscc, industry AS cust_nation FROM registry.firms) AS n USING (uscc)
GROUP BY supp_nation, cust_nation, l_year
ORDER BY supp_nation, cust_nation, l_year;

-- Q7 with OR over two nations
SELECT n.industry, COUNT(*) AS n FROM bank.loans AS b
JOIN (SELECT code AS uscc, industry FROM registry.firms) AS n USING (uscc)
WHERE (b.class = '正常' AND n.industry = 'C17') OR (b.class = '关注' AND n.industry = 'C34')
GROUP BY n.industry;

-- Q8, national market share
-- answered
SELECT YEAR(b.since) AS o_year, SUM(CASE WHEN b.class = '正常' THEN b.huge ELSE 0 END) / SUM(b.huge) AS mkt_share
FROM bank.loans AS b
JOIN (SELECT code AS uscc, industry FROM registry.firms WHERE industry IN ('C17', 'C34')) AS r USING (uscc)
GROUP BY o_year ORDER BY o_year;

-- Q9, product type profit
-- answered
SELECT r.industry AS nation, EXTRACT(YEAR FROM b.since) AS o_year, SUM(t.vat - b.days * 0.5) AS amount
FROM bank.loans AS b
JOIN (SELECT uscc, SUM(vat) AS vat FROM tax.returns GROUP BY uscc) AS t USING (uscc)
JOIN (SELECT code AS uscc, industry FROM registry.firms WHERE industry LIKE '%3%') AS r USING (uscc)
GROUP BY nation, o_year ORDER BY nation, o_year DESC;

-- Q10, returned items
SELECT r.code, r.industry, SUM(b.balance) AS revenue
FROM bank.loans AS b JOIN registry.firms AS r ON b.uscc = r.code
GROUP BY r.code, r.industry ORDER BY revenue DESC LIMIT 20;

-- Q11, important stock: HAVING with a sub-query
SELECT b.class, SUM(b.balance) AS value FROM bank.loans AS b JOIN tax.returns AS t USING (uscc)
GROUP BY b.class HAVING SUM(b.balance) > (SELECT SUM(balance) * 0.0001 FROM bank.loans) ORDER BY value DESC;

-- Q12, shipping modes
-- answered
SELECT b.class, SUM(CASE WHEN b.days = 100 OR b.days > 300 THEN 1 ELSE 0 END) AS high_line_count,
    SUM(CASE WHEN b.days <> 100 AND b.days <= 300 THEN 1 ELSE 0 END) AS low_line_count
FROM bank.loans AS b
JOIN (SELECT uscc, COUNT(*) AS n FROM tax.returns GROUP BY uscc) AS t USING (uscc)
WHERE b.class IN ('正常', '关注') AND b.since >= DATE '2020-01-01'
GROUP BY b.class ORDER BY b.class;

-- Q13, customer distribution: a count of counts
-- answered
SELECT t.c_count, COUNT(*) AS custdist
FROM (SELECT uscc, COUNT(late) AS c_count FROM tax.returns WHERE grade <> 'M' GROUP BY uscc) AS t
JOIN bank.loans AS b USING (uscc)
GROUP BY t.c_count ORDER BY custdist DESC, t.c_count DESC;

-- Q13 with its outer join
SELECT c_count, COUNT(*) AS custdist FROM (SELECT b.uscc, COUNT(t.period) AS c_count
    FROM bank.loans AS b FULL OUTER JOIN tax.returns AS t ON b.uscc = t.uscc GROUP BY b.uscc) AS c_orders
GROUP BY c_count;

-- Q14, promotion effect
-- answered
SELECT 100.00 * SUM(CASE WHEN b.class LIKE '正%' THEN b.huge ELSE 0 END) / SUM(b.huge) AS promo_revenue
FROM bank.loans AS b
JOIN (SELECT code AS uscc, industry FROM registry.firms) AS r USING (uscc)
WHERE b.since >= DATE '2020-09-01' AND b.since < DATE '2022-10-01';

-- Q15, top supplier: a view
WITH revenue AS (SELECT uscc, SUM(vat) AS total FROM tax.returns GROUP BY uscc)
SELECT b.class, total FROM bank.loans AS b, revenue WHERE total = (SELECT MAX(total) FROM revenue);

-- Q16, parts and suppliers
-- answered
SELECT r.industry, r.capital, COUNT(DISTINCT b.uscc) AS supplier_cnt
FROM bank.loans AS b
JOIN (SELECT code AS uscc, industry, capital FROM registry.firms) AS r USING (uscc)
WHERE r.industry <> 'L72' AND r.capital IN (0, 1, 3) AND NOT b.class LIKE '%it%'
GROUP BY r.industry, r.capital ORDER BY supplier_cnt DESC, r.industry, r.capital;

-- Q16 with NOT IN a sub-query
SELECT r.industry, COUNT(*) AS n FROM registry.firms AS r JOIN bank.loans AS b USING (uscc)
WHERE b.uscc NOT IN (SELECT uscc FROM tax.returns WHERE late > 8) GROUP BY r.industry;

-- Q17, small quantity orders
SELECT SUM(t.vat) / 7.0 AS avg_yearly FROM tax.returns AS t JOIN bank.loans AS b USING (uscc)
WHERE t.late < (SELECT 0.2 * AVG(late) FROM tax.returns AS u WHERE u.uscc = t.uscc);

-- Q17's last step
-- answered
SELECT SUM(t.vat) / 7.0 AS avg_yearly FROM tax.returns AS t JOIN bank.loans AS b USING (uscc) WHERE t.late < 3;

-- Q18, large volume customers
SELECT b.class, SUM(t.late) AS n FROM bank.loans AS b JOIN tax.returns AS t USING (uscc)
WHERE b.uscc IN (SELECT uscc FROM tax.returns GROUP BY uscc HAVING SUM(late) > 20) GROUP BY b.class;

-- Q18 by a condition on the owner's own sums
-- answered
SELECT b.class, SUM(t.late) AS n FROM bank.loans AS b
JOIN (SELECT uscc, SUM(late) AS late FROM tax.returns GROUP BY uscc) AS t USING (uscc)
WHERE t.late > 12 GROUP BY b.class ORDER BY n DESC, b.class LIMIT 100;

-- Q19, discounted revenue: alternatives of one owner
-- answered
SELECT SUM(b.huge) AS revenue FROM bank.loans AS b
JOIN (SELECT code AS uscc FROM registry.firms) AS r USING (uscc)
WHERE (b.class = '正常' AND b.days >= 1 AND b.days <= 1 + 110) OR (b.class = '关注' AND b.days BETWEEN 100 AND 200)
    OR (b.class IS NULL AND b.open);

-- Q20, potential part promotion
SELECT r.industry, COUNT(*) AS n FROM registry.firms AS r JOIN power.meters AS p USING (uscc)
WHERE p.kwh > (SELECT 0.5 * SUM(vat) FROM tax.returns) GROUP BY r.industry;

-- Q21, suppliers who kept orders waiting
SELECT r.industry, COUNT(*) AS numwait FROM registry.firms AS r JOIN tax.returns AS t1 USING (uscc)
WHERE NOT EXISTS (SELECT * FROM tax.returns AS t2 WHERE t2.uscc = t1.uscc) GROUP BY r.industry;

-- Q22, global sales opportunity
SELECT SUBSTRING(b.uscc FROM 1 FOR 2) AS cntrycode, COUNT(*) AS numcust, SUM(b.balance) AS totacctbal
FROM bank.loans AS b JOIN tax.returns AS t USING (uscc) GROUP BY cntrycode;

-- Q22 over a text
-- answered
SELECT SUBSTRING(r.industry FROM 1 FOR 1) AS cntrycode, COUNT(*) AS numcust, SUM(b.balance) AS totacctbal
FROM bank.loans AS b JOIN (SELECT code AS uscc, industry FROM registry.firms) AS r USING (uscc)
WHERE SUBSTRING(r.industry FROM 2 FOR 1) IN ('1', '3', '5') AND b.balance > 0.00
GROUP BY cntrycode ORDER BY cntrycode;
