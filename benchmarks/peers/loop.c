/* Nesterov's method in the look-ahead form, by hand: p = x + m v; v <- m v - s grad f(p); x <- x + v.
   Every loop takes the same arguments. `eigenvalues` are those of a diagonal Hessian; Rosenbrock's valley has none. */
#include <stdint.h>

typedef double *restrict vector;
typedef const double *restrict input;
typedef void (*gradient_function)(int64_t n, input eigenvalues, input p, vector g);
typedef void (*update_function)(int64_t n, double s, double m, input g, vector x, vector p, vector v);

static void diagonal(int64_t n, input eigenvalues, input p, vector g) {
    for (int64_t i = 0; i < n; i++) g[i] = eigenvalues[i] * p[i];
}

static void rosenbrock(int64_t n, input eigenvalues, input p, vector g) {
    double before = 0.0;
    for (int64_t i = 0; i < n - 1; i++) {
        double across = p[i + 1] - p[i] * p[i];
        g[i] = before - 400.0 * across * p[i] - 2.0 * (1.0 - p[i]);
        before = 200.0 * across;
    }
    g[n - 1] = before;
}

static void nesterov(int64_t n, double s, double m, input g, vector x, vector p, vector v) {
    for (int64_t i = 0; i < n; i++) {
        v[i] = m * v[i] - s * g[i];
        x[i] += v[i];
        p[i] = x[i] + m * v[i];
    }
}

/* Neither problem nor method nor n is known to the loop. `volatile` keeps the compiler from seeing through. */
void pointers(int64_t valley, int64_t n, input eigenvalues, double s, double m, vector x, vector p, vector v, vector g,
              int64_t iterations) {
    gradient_function volatile chosen_gradient = valley ? rosenbrock : diagonal;
    update_function volatile chosen_update = nesterov;
    gradient_function gradient = chosen_gradient;
    update_function update = chosen_update;
    for (int64_t k = 0; k < iterations; k++) {
        gradient(n, eigenvalues, p, g);
        update(n, s, m, g, x, p, v);
    }
}

static void valley_in_registers(double s, double m, vector x, vector v, int64_t iterations) {
    double a = x[0], b = x[1], va = v[0], vb = v[1];
    for (int64_t k = 0; k < iterations; k++) {
        double pa = a + m * va, pb = b + m * vb;
        double across = pb - pa * pa;
        va = m * va - s * (-400.0 * across * pa - 2.0 * (1.0 - pa));
        vb = m * vb - s * (200.0 * across);
        a += va;
        b += vb;
    }
    x[0] = a, x[1] = b, v[0] = va, v[1] = vb;
}

static void bowl_in_registers(input eigenvalues, double s, double m, vector x, vector v, int64_t iterations) {
    double a = x[0], b = x[1], va = v[0], vb = v[1];
    for (int64_t k = 0; k < iterations; k++) {
        va = m * va - s * (eigenvalues[0] * (a + m * va));
        vb = m * vb - s * (eigenvalues[1] * (b + m * vb));
        a += va;
        b += vb;
    }
    x[0] = a, x[1] = b, v[0] = va, v[1] = vb;
}

/* Everything is known and written into one loop: what no library that takes a problem and a method can do. */
void inlined(int64_t valley, int64_t n, input eigenvalues, double s, double m, vector x, vector p, vector v, vector g,
             int64_t iterations) {
    if (valley) {
        valley_in_registers(s, m, x, v, iterations);
    } else if (n == 2) {
        bowl_in_registers(eigenvalues, s, m, x, v, iterations);
    } else {
        for (int64_t k = 0; k < iterations; k++) {
            for (int64_t i = 0; i < n; i++) {
                v[i] = m * v[i] - s * (eigenvalues[i] * (x[i] + m * v[i]));
                x[i] += v[i];
            }
            /* An iteration ends before the next begins: coordinates of a diagonal Hessian could go on by themselves. */
            __asm__ volatile("" : : "r"(x), "r"(v) : "memory");
        }
    }
}
