import type { MeasureName } from './measures.ts'

/** How one measure speaks for or against each label, in the order of `EMOTIONS`. */
export type MeasureWeights = {
  readonly mean: number
  readonly deviation: number
  readonly linear: readonly number[]
  readonly squared: readonly number[]
}

/*
 * Multinomial logistic regression with an L2 penalty on standardised measures and their squares, fitted to landmarks
 * of public pictures of faces (posed neutral and smiling; found pictures of seven expressions), to the same neutral
 * faces with their jaw lowered by hand (an open mouth alone is no surprise), and to a set of 20 synthetic heads
 * (geometry from ICT-FaceKit, MIT). `anxious` was seen on synthetic heads only. Five-fold over people: 0.62 of seven
 * classes on clear pictures, 0.88 of posed neutral and smiling, 0.78 of eight classes on synthetic heads. Its settings
 * were chosen on the same folds, so expect a little less.
 */

export const BIAS: readonly number[] = [-1.472, 0.669, 1.059, -0.847, 0.893, -0.399, -0.49, 0.587]

export const WEIGHTS: Readonly<Record<MeasureName, MeasureWeights>> = {
  innerBrowRaise: {
    mean: 0.2347,
    deviation: 0.042,
    linear: [0.471, 0.34, -0.529, 0.368, -0.181, 0.017, -0.747, 0.26],
    squared: [-0.252, 0.245, -0.362, 0.133, -0.172, 0.294, -0.228, 0.342],
  },
  outerBrowRaise: {
    mean: 0.1744,
    deviation: 0.029,
    linear: [-0.639, 0.227, -0.04, 0.235, 0.088, -0.002, 0.042, 0.088],
    squared: [0.486, -0.287, 0.102, -0.084, 0.148, -0.348, 0.147, -0.165],
  },
  midBrowRaise: {
    mean: 0.2653,
    deviation: 0.0421,
    linear: [0.106, 0.067, -0.326, 0.152, 0.095, 0.147, -0.382, 0.141],
    squared: [0.05, 0.003, -0.157, -0.171, 0.209, 0.202, 0.044, -0.179],
  },
  browLower: {
    mean: -0.1076,
    deviation: 0.0284,
    linear: [-0.043, 0.108, 0.012, -0.31, 0.091, -0.098, -0.009, 0.248],
    squared: [0.191, -0.09, 0.212, -0.128, 0.066, 0.064, -0.259, -0.056],
  },
  browGap: {
    mean: 0.2981,
    deviation: 0.0166,
    linear: [-0.125, -0.035, 0.084, -0.358, 0.158, 0.139, 0.092, 0.045],
    squared: [-0.276, 0.051, 0.361, 0.058, -0.152, -0.049, 0.002, 0.005],
  },
  browSlant: {
    mean: 0.0365,
    deviation: 0.021,
    linear: [-0.357, 0.055, -0.16, 0.184, 0.219, 0.148, -0.168, 0.078],
    squared: [-0.362, 0.255, 0.245, 0.351, -0.555, -0.129, -0.248, 0.445],
  },
  browArch: {
    mean: 0.0605,
    deviation: 0.0101,
    linear: [0.417, -0.553, -0.147, -0.377, 0.438, 0.559, -0.159, -0.178],
    squared: [-0.674, 0.294, 0.324, 0.13, -0.163, -0.126, 0.212, 0.003],
  },
  browLid: {
    mean: 0.2419,
    deviation: 0.0335,
    linear: [-0.222, 0.112, 0.188, -0.336, -0.207, 0.136, 0.476, -0.146],
    squared: [0.2, -0.202, 0.216, -0.103, -0.128, -0.009, 0.014, 0.012],
  },
  eyeOpening: {
    mean: 0.0956,
    deviation: 0.0301,
    linear: [-0.379, -0.294, 0.188, 0.254, -0.58, 0.399, 0.021, 0.391],
    squared: [0.082, -0.295, 0.096, 0.308, -0.142, 0.201, -0.362, 0.111],
  },
  upperLidRaise: {
    mean: 0.0608,
    deviation: 0.0277,
    linear: [0.179, -0.557, 0.222, -0.06, 0.012, 0.322, -0.021, -0.097],
    squared: [-0.323, 0.059, -0.066, 0.159, -0.31, 0.075, -0.077, 0.481],
  },
  lowerLidRaise: {
    mean: -0.0374,
    deviation: 0.0116,
    linear: [0.516, -0.217, 0.088, -0.225, -0.137, -0.374, 0.487, -0.139],
    squared: [-0.72, 0.003, -0.215, 0.22, -0.254, 0.344, 0.162, 0.46],
  },
  eyeWidth: {
    mean: 0.3055,
    deviation: 0.01,
    linear: [-0.033, -0.098, 0.013, -0.092, 0.193, -0.086, 0.288, -0.185],
    squared: [-0.019, -0.008, -0.037, -0.033, -0.08, 0.094, -0.199, 0.282],
  },
  cheekRaise: {
    mean: 0.3646,
    deviation: 0.0322,
    linear: [0.107, 0.058, 0.241, 0.069, -0.428, -0.142, -0.089, 0.184],
    squared: [-0.024, 0.011, -0.061, -0.1, 0.074, 0.037, 0.084, -0.02],
  },
  lidCheek: {
    mean: 0.2815,
    deviation: 0.0191,
    linear: [-0.19, 0.38, 0.096, 0.005, -0.173, 0.094, -0.047, -0.166],
    squared: [0.289, -0.076, 0.193, -0.086, -0.117, -0.104, -0.252, 0.155],
  },
  cheekDepth: {
    mean: 0.0541,
    deviation: 0.0087,
    linear: [0.101, 0.003, 0.206, 0.158, -0.293, -0.232, 0.099, -0.042],
    squared: [0.104, -0.036, 0.004, -0.058, -0.058, 0.019, -0.037, 0.062],
  },
  noseWrinkle: {
    mean: 0.4023,
    deviation: 0.0357,
    linear: [-0.188, 0.194, -0.157, -0.305, 0.343, -0.184, 0.284, 0.014],
    squared: [-0.152, 0.147, 0.205, -0.118, -0.046, -0.058, -0.029, 0.051],
  },
  noseWidth: {
    mean: 0.4413,
    deviation: 0.0358,
    linear: [0.387, -0.099, -0.191, -0.024, 0.062, -0.212, 0.531, -0.454],
    squared: [0.082, 0.145, -0.071, -0.245, 0.119, 0.053, 0.132, -0.215],
  },
  upperLipRaise: {
    mean: 0.1654,
    deviation: 0.0302,
    linear: [-0.068, 0.083, -0.287, 0.108, 0.962, 0.257, -0.944, -0.111],
    squared: [0.033, -0.169, 0.044, 0.129, -0.158, -0.198, 0.298, 0.02],
  },
  lipSideRaise: {
    mean: 0.2986,
    deviation: 0.0338,
    linear: [-0.256, -0.204, 0.381, 0.022, -1.215, 0.549, 0.327, 0.396],
    squared: [0.317, -0.051, -0.211, 0.131, -0.352, -0.03, 0.048, 0.148],
  },
  lipCornerPull: {
    mean: 0.8005,
    deviation: 0.0807,
    linear: [-0.415, 0.232, -0.006, -0.103, 0.293, -0.246, -0.028, 0.274],
    squared: [-0.132, -0.003, -0.013, 0.021, 0.269, -0.106, 0.211, -0.246],
  },
  lipCornerLift: {
    mean: 0.0234,
    deviation: 0.0369,
    linear: [0.754, -0.737, -0.13, 0.01, 0.114, 0.333, -0.306, -0.039],
    squared: [-0.509, 0.634, -0.078, -0.09, -0.074, 0.17, -0.069, 0.016],
  },
  lipCornerDepress: {
    mean: 0.2424,
    deviation: 0.0583,
    linear: [-0.476, 0.03, -0.152, 0.28, 0.356, 0.124, -0.044, -0.118],
    squared: [-0.12, 0.013, -0.092, -0.098, -0.106, 0.301, 0.034, 0.069],
  },
  lipCornerDepth: {
    mean: 0.1392,
    deviation: 0.0232,
    linear: [0.468, 0.117, -0.348, -0.24, 0.374, -0.284, 0.234, -0.322],
    squared: [-0.019, 0.097, 0.067, 0.014, -0.717, 0.207, 0.202, 0.149],
  },
  mouthWidth: {
    mean: 0.5628,
    deviation: 0.0873,
    linear: [0.236, 0.372, 0.042, 0.377, -1.414, -0.328, -0.253, 0.967],
    squared: [0.005, 0.058, 0.17, 0.112, -0.378, 0.14, -0.212, 0.106],
  },
  upperLipHeight: {
    mean: 0.0955,
    deviation: 0.0129,
    linear: [-0.507, 0.216, -0.048, 0.556, 0.134, -0.356, -0.003, 0.008],
    squared: [-0.112, 0.267, -0.018, 0.243, -0.05, -0.048, -0.057, -0.224],
  },
  lowerLipHeight: {
    mean: 0.1008,
    deviation: 0.0171,
    linear: [0.642, -0.473, 0.009, -0.434, 0.581, 0.031, -0.146, -0.21],
    squared: [0.008, -0.194, 0.096, -0.228, 0.013, 0.187, -0.009, 0.127],
  },
  upperLipBow: {
    mean: 0.0887,
    deviation: 0.0465,
    linear: [-0.669, 0.107, 0.106, 0.262, 0.011, -0.153, 0.399, -0.063],
    squared: [0.166, -0.192, 0.205, -0.337, 0.104, 0.095, 0.014, -0.055],
  },
  lowerLipBow: {
    mean: 0.0844,
    deviation: 0.042,
    linear: [0.397, -0.465, 0.06, -0.349, 0.165, 0.353, -0.055, -0.106],
    squared: [-0.367, -0.065, 0.435, 0.239, -0.659, 0.233, -0.05, 0.235],
  },
  lipPucker: {
    mean: 0.9018,
    deviation: 0.0188,
    linear: [0.521, 0.109, 0.226, 0.189, 0.589, -0.707, -0.516, -0.411],
    squared: [-0.372, 0.091, 0.249, 0.18, 0.194, -0.033, -0.078, -0.23],
  },
  mouthOpening: {
    mean: 0.0803,
    deviation: 0.1132,
    linear: [-0.006, -0.09, 0.186, -0.188, -0.642, 0.415, 0.348, -0.024],
    squared: [0.158, 0.146, 0.064, 0.36, -0.09, -0.269, -0.491, 0.121],
  },
  mouthSquareness: {
    mean: 0.0668,
    deviation: 0.0965,
    linear: [-0.241, -0.083, -0.033, -0.187, 0.428, 0.07, 0.229, -0.183],
    squared: [-0.103, 0.124, -0.286, 0.301, 1.138, -0.556, -0.574, -0.045],
  },
  jawDrop: {
    mean: 0.78,
    deviation: 0.0948,
    linear: [0.628, -0.575, 0.129, -0.321, -0.384, 0.303, 0.145, 0.074],
    squared: [-0.131, 0.059, 0.095, -0.044, 0.475, -0.164, -0.217, -0.074],
  },
  chinRaise: {
    mean: 0.1698,
    deviation: 0.0435,
    linear: [0.33, -0.365, 0.074, 0.227, 0.675, -0.336, -0.059, -0.544],
    squared: [0.666, -0.14, -0.32, 0.359, 0.333, -0.394, -0.087, -0.416],
  },
  lipAsymmetry: {
    mean: 0.0173,
    deviation: 0.0196,
    linear: [0.15, 0.012, 0.045, 0.416, -0.198, -0.214, -0.12, -0.092],
    squared: [0.007, -0.06, 0.037, -0.276, -0.021, -0.07, 0.247, 0.136],
  },
  faceWidth: {
    mean: 1.2264,
    deviation: 0.0863,
    linear: [0.443, -0.255, -0.122, -0.332, 0.631, 0.128, -0.287, -0.207],
    squared: [-0.414, 0.258, -0.138, -0.019, 0.162, 0.364, -0.153, -0.06],
  },
}
